package effect

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Env is what the effects of one engine share: what the server offers, and what they share with
// the other engines of the server. It is safe for concurrent use.
type Env struct {
	*shared
	site atomic.Pointer[Site]
}

// shared is what the effects of all engines of a server share: the Store, and the effects that
// last longer than a request.
type shared struct {
	store  registry.Store // without faults
	secret [32]byte       // signs URLs of the second origin
	veil   veil
	doomed doomed

	storing atomic.Bool // an effect on the Store has been used
}

// NewEnv returns the environment for a store, which can be nil.
func NewEnv(store registry.Store) *Env {
	e := &Env{shared: &shared{store: store}}
	// It never fails, as documented.
	_, _ = rand.Read(e.secret[:])
	return e
}

// At returns an environment that shares everything but what the server offers.
func (e *Env) At(site Site) *Env {
	at := &Env{shared: e.shared}
	at.Bind(site)
	return at
}

// Site is what a server offers to effects. The zero Site is a handler in another server's
// mux: it has no connections of its own.
type Site struct {
	// Connections reports whether requests have a [Conn], and whether the server does to
	// new connections what an [Opening] contains.
	Connections bool

	// TLS reports whether the server uses TLS.
	TLS bool

	// External starts to serve [Env.External] on another host name, unless it has
	// started, and returns the host with its port: "localhost:40002". It serves http and
	// https.
	External func() (host string, err error)

	// Dead is a host, with its port, that refuses connections.
	Dead string

	// Tokens issues tokens or checks passwords. It is nil without authentication.
	Tokens Tokens
}

// Tokens is the authentication of a server.
type Tokens interface {
	RevokeAll()                      // invalidates all tokens issued so far
	RealmURL(r *http.Request) string // the token service, as the client of a request reaches it
	ServiceName() string             // the service in challenges; empty: there is no token service
	ScopeFor(info *op.Info) string   // the scope that a request needs; empty: none

	// ChallengeTo returns the values of WWW-Authenticate for a 401 to a request, in a
	// new slice.
	ChallengeTo(r *http.Request) []string
}

// Bind sets what the server offers.
func (e *Env) Bind(site Site) { e.site.Store(&site) }

// Site returns what the server offers.
func (e *Env) Site() Site {
	if site := e.site.Load(); site != nil {
		return *site
	}
	return Site{}
}

// tokens returns the authentication of the server. Without one, its answers are empty: a rule can
// still act on a request when the authentication that it needs is replaced.
func (e *Env) tokens() Tokens {
	if tokens := e.Site().Tokens; tokens != nil {
		return tokens
	}
	return noTokens{}
}

type noTokens struct{}

func (noTokens) RevokeAll()                         {}
func (noTokens) RealmURL(*http.Request) string      { return "" }
func (noTokens) ServiceName() string                { return "" }
func (noTokens) ScopeFor(*op.Info) string           { return "" }
func (noTokens) ChallengeTo(*http.Request) []string { return nil }

// Use prepares the environment for an effect that is going to act. It returns an error if
// the effect cannot act here.
func (e *Env) Use(b Behaviour) error {
	n, site := needOf(b), e.Site()
	switch {
	case n&needConn != 0 && !site.Connections:
		return fmt.Errorf("%s acts on the connection, which a handler in another server's mux does not have: use registrytest.New or ocifake serve", b.Kind())
	case n&needTLS != 0 && !site.TLS:
		return fmt.Errorf("%s is about the TLS handshake, and the registry speaks plain HTTP: use registrytest.WithTLS or ocifake serve --tls", b.Kind())
	case n&needLimit != 0:
		return fmt.Errorf("%s: {limit}, {remaining}, {window}, {reset} and {resettime} are those of a limit: use them in its header or in its answer", b.Kind())
	case n&needStore != 0 && e.store == nil:
		return fmt.Errorf("%s acts on content, and the Store of this registry is not known: use registrytest.New without WithHandler and WithUpstream, or ocifake serve without --upstream", b.Kind())
	case n&needDead != 0 && site.Dead == "":
		return fmt.Errorf("%s needs a host that refuses connections, which this server does not know", b.Kind())
	case n&needTokens != 0 && site.Tokens == nil:
		return fmt.Errorf("%s is about tokens, and the registry has no auth: give it one, with registrytest.WithAuth or ocifake serve --token-auth", b.Kind())
	case n&needExternal != 0 && site.External == nil:
		return fmt.Errorf("%s needs a second origin, which a handler in another server's mux does not have: use registrytest.New or ocifake serve", b.Kind())
	}
	if n&needStore != 0 {
		e.storing.Store(true)
	}
	return nil
}

// Clear shows all content that effects have hidden, and keeps the connections that effects
// would have closed.
func (e *Env) Clear() {
	e.veil.clear()
	e.doomed.clear()
}

// EndConn reports whether an effect ends the connection at this request, and the name of
// its rule. It notes that the effect has acted.
func (e *Env) EndConn(c Conn) (rule string, ok bool) {
	why, ok := e.doomed.take(c)
	if ok {
		why.acted()
	}
	return why.rule, ok
}

// Closed forgets a connection that has ended.
func (e *Env) Closed(c Conn) { e.doomed.take(c) }
