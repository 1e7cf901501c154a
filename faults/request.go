package faults

import "github.com/ocifake/ocifake/internal/effect"

// SetRequestHeader sets a header field of the request, as a proxy between the client and the
// registry does. The values can contain the placeholders of [SetHeader].
//
// Like [DropRequestHeader], [DropQuery] and [SetHost], it acts on the request on its way:
// authentication and the registry see the changed request. A rule with such an effect applies
// before authentication, as with [Rule.BeforeAuth], and counts requests that authentication
// refuses. All rules match the request as the client sent it, and do not match the changed one.
// The record has the request as the client sent it, and the changes in Served.
//
// Fields by which the server has read the request are refused: Connection, Content-Length,
// Trailer, Transfer-Encoding, and Host, for which there is [SetHost].
func SetRequestHeader(name string, values ...string) Effect {
	return of(effect.RequestHeader{How: effect.SettingRequest, HeaderArgs: effect.HeaderArgs{Name: name, Values: values}})
}

// DropRequestHeader removes a header field of the request, as a proxy does; see
// [SetRequestHeader]. It does not act on a request without the field.
//
//	faults.On(op.BlobGet).Do(faults.DropRequestHeader("Range"))
func DropRequestHeader(name string) Effect {
	return of(effect.RequestHeader{How: effect.DroppingRequest, HeaderArgs: effect.HeaderArgs{Name: name}})
}

// DropQuery removes the query of the request, as a proxy does; see [SetRequestHeader]. It does not
// act on a request without a query.
func DropQuery() Effect { return of(effect.DropQuery{}) }

// SetHost changes the host that the request is for, as a proxy does that does not pass it on; see
// [SetRequestHeader]. It changes the URLs that the registry and its authentication build, such as
// Location and the realm of a challenge. The request goes to the same registry.
func SetHost(host string) Effect { return of(effect.SetHost{Host: host}) }
