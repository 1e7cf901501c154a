package effect

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// editingEffect changes the request on its way to authentication and the registry, which
// see the changed one. So it acts before authentication.
type editingEffect interface {
	choosyEffect
	earlyEffect
	editsRequest()
}

// EditsRequest reports whether an effect changes the request on its way.
func EditsRequest(b Behaviour) bool {
	if group, ok := b.(All); ok {
		return slices.ContainsFunc(group, EditsRequest)
	}
	_, ok := b.(editingEffect)
	return ok
}

// forward serves a changed copy of a request, unless the effect may not act. The text says
// what is changed, for the record: "without Range".
func (x *Exchange) forward(w http.ResponseWriter, r *http.Request, next http.Handler, text string, change func(*http.Request)) {
	if x.act() {
		r = inflight.Edit(r, change)
		x.state.AddServed(text)
	}
	next.ServeHTTP(w, r)
}

// RequestHeader changes the header of the request on its way.
type RequestHeader struct {
	How string // SettingRequest or DroppingRequest
	HeaderArgs
}

// How a [RequestHeader] changes a field: the names of the effects in text.
const (
	SettingRequest  = "set-request-header"
	DroppingRequest = "drop-request-header"
)

// ownFields are fields of a request that the server has read and acted on before an effect can
// change them, and what to do instead.
var ownFields = map[string]string{
	"Connection":        "it is about the connection of the client",
	"Content-Length":    "the server has read the body by it",
	"Host":              "use set-host",
	"Trailer":           "the server has read the body by it",
	"Transfer-Encoding": "the server has read the body by it",
}

func (e RequestHeader) Kind() string { return e.How }

func (RequestHeader) editsRequest() {}

func (RequestHeader) early() string { return actsOnRequest }

func (e RequestHeader) needs() need { return needsOfTexts(e.Values...) }

func (e RequestHeader) check() error {
	switch {
	case e.How == DroppingRequest && len(e.Values) > 0:
		return errors.New("it has no values")
	case e.How == SettingRequest && len(e.Values) == 0:
		return errors.New("values are missing")
	}
	if why := ownFields[http.CanonicalHeaderKey(e.Name)]; why != "" {
		return fmt.Errorf("the field %s cannot be changed on the way: %s", e.Name, why)
	}
	return checkField(e.Name, e.Values, Setting)
}

func (e RequestHeader) prospect(_ *op.Info, r *http.Request) Prospect {
	values, ok := r.Header[http.CanonicalHeaderKey(e.Name)]
	if e.How == DroppingRequest && !ok || e.How == SettingRequest && slices.Equal(values, e.Values) {
		return Never
	}
	return Perhaps // a rule before it may have changed the field
}

func (e RequestHeader) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	name := http.CanonicalHeaderKey(e.Name)
	if e.How == DroppingRequest {
		x.forward(w, r, next, "without "+name, func(r *http.Request) { r.Header.Del(name) })
		return
	}
	values := make([]string, len(e.Values))
	for i, value := range e.Values {
		values[i] = x.expand(value, r)
	}
	x.forward(w, r, next, "with "+name+": "+strings.Join(values, ", "), func(r *http.Request) { r.Header[name] = values })
}

// DropQuery removes the query of the request on its way.
type DropQuery struct{}

func (DropQuery) Kind() string { return "drop-query" }

func (DropQuery) editsRequest() {}

func (DropQuery) early() string { return actsOnRequest }

func (DropQuery) prospect(_ *op.Info, r *http.Request) Prospect {
	if r.URL.RawQuery == "" {
		return Never
	}
	return Perhaps
}

func (DropQuery) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.forward(w, r, next, "without query", func(r *http.Request) {
		r.URL.RawQuery = ""
		r.RequestURI, _, _ = strings.Cut(r.RequestURI, "?")
		r.Form = nil // it is parsed again
	})
}

// SetHost changes the host of the request on its way.
type SetHost struct {
	Host string `json:"host" doc:"host in place of the one that the client asked for, with its port if it is not the default one"`
}

func (SetHost) Kind() string { return "set-host" }

func (SetHost) editsRequest() {}

func (SetHost) early() string { return actsOnRequest }

func (e SetHost) check() error {
	u, err := url.Parse("//" + e.Host)
	if err != nil || e.Host == "" || u.Host != e.Host {
		return fmt.Errorf("%q is no host: want a name or an address, with a port if there is one, such as registry.example:5000", e.Host)
	}
	return nil
}

func (e SetHost) prospect(_ *op.Info, r *http.Request) Prospect {
	if r.Host == e.Host {
		return Never
	}
	return Perhaps
}

func (e SetHost) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.forward(w, r, next, "for host "+e.Host, func(r *http.Request) { r.Host = e.Host })
}
