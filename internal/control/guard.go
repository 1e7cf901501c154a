package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard decides which requests may use the API. It refuses cross-origin requests of browsers, and
// requests from other machines without the token. It ignores the headers with which a proxy or a
// client could forge the origin of a request.
type guard struct {
	token *[sha256.Size]byte // nil without a token
	hosts []string
	own   func() string // returns the host of the registry, with its port
	cross *http.CrossOriginProtection
}

func newGuard(token string, hosts []string, own func() string) guard {
	g := guard{own: own, cross: http.NewCrossOriginProtection()}
	for _, host := range hosts {
		g.hosts = append(g.hosts, hostname(host))
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		g.token = &sum
	}
	return g
}

// use returns a failure if a request may not use the API. A request with the token may use any host
// name: a page of another site does not have the token.
func (g *guard) use(r *http.Request) *failure {
	if g.foreign(r) {
		return errForeign
	}
	if g.token != nil {
		return g.authorized(r)
	}
	return g.local(r)
}

// see is use for the files of the page, which contain no secrets. Other sites may link to the page.
func (g *guard) see(r *http.Request) *failure {
	followed := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	if g.foreign(r) && !followed {
		return errForeign
	}
	if g.token != nil {
		return nil
	}
	return g.local(r)
}

var errForeign = failf(http.StatusForbidden, "the control API refuses cross-origin requests: open the page of the registry itself")

func (g *guard) authorized(r *http.Request) *failure {
	values := r.Header["Authorization"]
	if len(values) == 1 {
		scheme, token, _ := strings.Cut(values[0], " ")
		sum := sha256.Sum256([]byte(token))
		if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1 {
			return nil
		}
	}
	if len(values) == 0 {
		return failf(http.StatusUnauthorized, "the control API needs a token: send the header Authorization: Bearer TOKEN")
	}
	return failf(http.StatusUnauthorized, "wrong token for the control API")
}

// local returns a failure unless the request comes from this machine and names a local host.
func (g *guard) local(r *http.Request) *failure {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return failf(http.StatusForbidden, "%s may not use the control API: without a token, only clients on the same machine may use it", r.RemoteAddr)
	}
	if !g.knows(r.Host) {
		return failf(http.StatusForbidden, "the control API refuses the host name %q: use an IP address or localhost", r.Host)
	}
	return nil
}

// knows reports whether the host is safe against DNS rebinding: an attacker cannot make it resolve
// to another address.
func (g *guard) knows(host string) bool {
	name := hostname(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	return name != "" && (name == hostname(g.own()) || slices.Contains(g.hosts, name))
}

// hostname returns the name of a host, without the port, for comparison.
func hostname(host string) string {
	return strings.ToLower(strings.TrimSuffix((&url.URL{Host: host}).Hostname(), "."))
}

// foreign reports whether a browser sends the request on behalf of another origin, whatever the
// method.
func (g *guard) foreign(r *http.Request) bool {
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	for _, origin := range r.Header["Origin"] {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	return g.cross.Check(r) != nil // checks unsafe methods more strictly
}
