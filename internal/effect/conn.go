package effect

import (
	"context"
	"time"

	"github.com/ocifake/ocifake/internal/inflight"
)

// Conn is the connection of a request. Its methods are safe for concurrent use.
type Conn interface {
	// Abort closes the connection after the client has received everything written to
	// it. The client's next read or write fails with "connection reset".
	Abort() error

	// Inject writes bytes to the connection. With HTTP/2 they are between two frames.
	Inject(b []byte) error

	// ResetWith sets the error code of the next stream that is reset because its handler
	// panicked, in place of INTERNAL_ERROR. It waits for the previous such stream, unless
	// the client has ended it. It does nothing without HTTP/2.
	ResetWith(code uint32)

	// GoAway closes an HTTP/2 connection to new streams with this error code (RFC 9113,
	// 6.8), after everything that handlers have flushed is written. With NO_ERROR the
	// connection ends when the open streams have ended; with another code it ends at
	// once. If the request was not processed, GoAway takes effect when its handler
	// panics, which it must: GOAWAY does not name its stream as processed, unless later
	// ones were, and the stream is reset with REFUSED_STREAM. It does nothing without
	// HTTP/2.
	GoAway(code uint32, processed bool)

	// Change changes what is written from now on. The function is called when that happens
	// for the first time. With nil, the change ends.
	Change(what Change, acted func())

	// GoAwayGracefully announces that an HTTP/2 connection will be closed to new
	// streams, and closes it when the client has had time to read that. It does nothing
	// without HTTP/2.
	GoAwayGracefully()
}

// WithConn returns a context with the connection, for the requests on it; see
// [net/http.Server.ConnContext].
func WithConn(ctx context.Context, c Conn) context.Context { return inflight.With(ctx, c) }

// ConnOf returns the connection of a request, or nil.
func ConnOf(ctx context.Context) Conn {
	c, _ := inflight.Value[Conn](ctx)
	return c
}

// Opening is what the server does to a new connection before its first request, in the
// order of the fields. The zero value is nothing.
type Opening struct {
	Rules  []string      // names of the rules
	Delay  time.Duration // wait first
	Reset  bool          // reset the connection
	Silent bool          // read and never answer, until the client leaves
	Raw    []byte        // write this, and close

	// The fields for TLS have no effect on a connection without TLS.
	Alert   bool   // fail the handshake with an alert
	Expired bool   // present an expired certificate
	Host    string // present a certificate for this host name only
}

// None reports whether the connection is served as usual.
func (o Opening) None() bool { return len(o.Rules) == 0 }

// Open adds an effect to what the server does to a new connection.
func Open(b Behaviour, o *Opening) {
	if c, ok := b.(connectEffect); ok {
		c.open(o)
	}
}
