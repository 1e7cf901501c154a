package faults

import (
	"context"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Conn is the connection on which a request came, as far as faults need it.
// [Site] says whether there is one. Its methods are safe for concurrent use.
type Conn interface {
	// Abort closes the connection so that the client's next read or write fails
	// with "connection reset", after what was written before has reached it.
	Abort() error

	// Inject writes bytes between two frames of an HTTP/2 connection, and as they
	// are to any other.
	Inject(b []byte) error

	// ResetWith lets the next stream that is reset because its handler panicked
	// be reset with this error code in place of INTERNAL_ERROR. It waits for the
	// one before, but not for one that the client has ended meanwhile. Without
	// HTTP/2 it does nothing.
	ResetWith(code uint32)

	// GoAway closes an HTTP/2 connection to new streams with this error code (RFC
	// 9113, 6.8), once what handlers have flushed is written. With NO_ERROR the
	// connection ends when the streams that have begun have ended; with any other
	// code it ends at once. If the request was not processed, its handler must panic,
	// and that is when it happens: then the stream is not among those that GOAWAY
	// says were processed, unless later ones were, and it is reset with
	// REFUSED_STREAM. Without HTTP/2 it does nothing.
	GoAway(code uint32, processed bool)

	// GoAwayGracefully announces that an HTTP/2 connection will be closed to new
	// streams, and closes it when the client has had time to read that. Without
	// HTTP/2 it does nothing.
	GoAwayGracefully()
}

// WithConn returns a context that has the connection, for those of the requests
// that come on it; see [net/http.Server.ConnContext].
func WithConn(ctx context.Context, c Conn) context.Context {
	must.NotNil("faults: WithConn: ctx", ctx)
	must.NotNil("faults: WithConn: c", c)
	return inflight.With(ctx, c)
}

func connOf(ctx context.Context) Conn {
	c, _ := inflight.Value[Conn](ctx)
	return c
}

// Closed tells the engine that a connection has ended, so that nothing of it is kept.
func (e *Engine) Closed(c Conn) {
	if e != nil {
		e.doomed.take(c)
	}
}

// Site is what a server offers to the faults of an engine. The zero Site is a
// mux of somebody else's: it has no connections of its own.
type Site struct {
	// Connections says that requests have a [Conn], and that connections are
	// opened as [Engine.Open] says.
	Connections bool

	// TLS says that the server speaks TLS, if Connections is set.
	TLS bool

	// External starts serving [Engine.External] on another host name, if that is
	// not done yet, and returns where: "localhost:40002". It takes http and https.
	External func() (host string, err error)

	// Dead is a host, with its port, where connections are refused.
	Dead string

	// Tokens is what gives out tokens, or passwords; nil without auth.
	Tokens Tokens
}

// Tokens is what faults need of auth.
type Tokens interface {
	RevokeAll()                      // makes all tokens invalid that were given out
	RealmURL(r *http.Request) string // the token service, as the client of a request reaches it
	ServiceName() string             // the service of its challenges; empty: there is no token service
	ScopeFor(info *op.Info) string   // the scope that a request needs; empty: none

	// ChallengeTo returns the values of WWW-Authenticate for a 401 to a request, in
	// an own slice.
	ChallengeTo(r *http.Request) []string
}

// Opening is what is to be done to a connection before its first request. The
// zero value is nothing. What is set is done in the order of the fields.
type Opening struct {
	Rules  []string      // names of the rules that asked for it
	Delay  time.Duration // before anything else
	Reset  bool          // reset the connection
	Silent bool          // read on and never answer, until the client leaves
	Raw    []byte        // write this, and close

	// For TLS; nothing of it happens to a connection in the clear.
	Alert   bool   // fail the handshake with an alert
	Expired bool   // show a certificate that has expired
	Host    string // show a certificate for this host name alone
}

// None reports whether the connection is to be served as any other.
func (o Opening) None() bool { return len(o.Rules) == 0 }
