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

// guard decides who may use the API. What a browser is made to send by a page of
// somebody else must not get through, nor anything from another machine that does
// not know the token. It believes no header that a proxy or a client could set to
// say where a request came from.
type guard struct {
	token *[sha256.Size]byte // nil: there is none
	hosts []string
	own   func() string // host of the registry, with its port
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

// use tells why a request may not use the API, if so. Who shows the token may ask
// under any name: a page that was given the name would not know it.
func (g *guard) use(r *http.Request) *failure {
	if g.foreign(r) {
		return errForeign
	}
	if g.token != nil {
		return g.authorized(r)
	}
	return g.local(r)
}

// see is use for the files of the page, in which there is nothing worth a token. It
// may be linked to.
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

var errForeign = failf(http.StatusForbidden, "the control API is not there for pages of another origin")

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
		return failf(http.StatusUnauthorized, "the control API asks for its token: send it as Authorization: Bearer TOKEN")
	}
	return failf(http.StatusUnauthorized, "the token of the control API is another one")
}

// local lets in who is on this machine and means it.
func (g *guard) local(r *http.Request) *failure {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return failf(http.StatusForbidden, "only clients on the same machine may use the control API, and %s is none: give it a token for others", r.RemoteAddr)
	}
	if !g.knows(r.Host) {
		return failf(http.StatusForbidden, "the control API is not there for the host %q: ask for it by IP address, or as localhost", r.Host)
	}
	return nil
}

// knows reports whether a host is one of which nobody else can decide to what address
// it leads (DNS rebinding): by such a name a page of his could ask for the API as
// its own origin.
func (g *guard) knows(host string) bool {
	name := hostname(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	return name != "" && (name == hostname(g.own()) || slices.Contains(g.hosts, name))
}

// hostname is the name in a host that may have a port, for comparison.
func hostname(host string) string {
	return strings.ToLower(strings.TrimSuffix((&url.URL{Host: host}).Hostname(), "."))
}

// foreign reports whether a browser sends a request on behalf of another origin,
// whatever the method.
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
	return g.cross.Check(r) != nil // for unsafe methods it knows more
}
