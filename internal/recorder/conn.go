package recorder

import (
	"cmp"
	"context"
	"crypto/tls"
	"sort"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/record"
)

// Accepted is a connection that a server has accepted. The server reports what happens to
// it. The methods are safe for concurrent use, and do nothing on nil.
type Accepted struct {
	recorder *Recorder
	bytes    func() (in, out int64)
	opened   time.Time
	severed  atomic.Bool

	// Guarded by the recorder's mutex.
	peer     *peer // does not change
	requests int
	failure  string
	host     string
}

// Accept records that a connection was accepted from a remote address. bytes returns how
// many came in and went out; it may be called as long as the recorder is used. A nil
// recorder returns nil.
func (r *Recorder) Accept(remote string, bytes func() (in, out int64)) *Accepted {
	if r == nil {
		return nil
	}
	must.NotNil("recorder: Recorder.Accept: bytes", bytes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted++
	c := &Accepted{recorder: r, bytes: bytes, peer: &peer{conn: r.accepted, remote: remote}, opened: time.Now()}
	c.peer.epoch, c.peer.opened = r.wall.UnixNano(), r.moment(c.opened).UnixNano()
	r.open[c] = struct{}{}
	r.signal()
	return c
}

// Secured records that the TLS handshake is done. It must happen before the first
// request.
func (c *Accepted) Secured(state tls.ConnectionState) {
	if c == nil {
		return
	}
	t := newTLS(&state)
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	p := *c.peer
	p.tls = t
	c.peer = &p
}

// newTLS returns what is on record of the TLS of a connection.
func newTLS(state *tls.ConnectionState) *record.TLS {
	if state == nil {
		return nil
	}
	t := &record.TLS{Version: tls.VersionName(state.Version), ServerName: state.ServerName}
	if len(state.PeerCertificates) > 0 {
		t.Client = state.PeerCertificates[0].Subject.String()
	}
	return t
}

// Failed records why the connection was refused. Only the first reason is kept.
func (c *Accepted) Failed(reason string) {
	if c == nil {
		return
	}
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.failure = cmp.Or(c.failure, reason)
	c.recorder.signal()
}

// Led records the host that the client asked a proxy for.
func (c *Accepted) Led(host string) {
	if c == nil {
		return
	}
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.host = host
	c.recorder.signal()
}

// Severed records that the server is about to end the connection: requests that end
// from then on are not taken for ones that the client left.
func (c *Accepted) Severed() {
	if c != nil {
		c.severed.Store(true)
	}
}

// Closed records that the connection is closed. It may be called more than once.
func (c *Accepted) Closed() {
	if c == nil {
		return
	}
	r := c.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, open := r.open[c]; !open {
		return
	}
	delete(r.open, c)
	r.closed.add(&closed{c.connection(time.Since(c.opened))})
	r.signal()
}

// connection returns what is known now; lifetime is negative while the connection is
// open. The recorder's mutex is held.
func (c *Accepted) connection(lifetime time.Duration) record.Connection {
	x := record.Connection{
		ID: c.peer.conn, Remote: c.peer.remote, Host: c.host, TLS: c.peer.tls, Requests: c.requests, Error: c.failure,
		Opened: c.recorder.moment(c.opened),
	}
	x.In, x.Out = c.bytes()
	if lifetime >= 0 {
		x.Closed = x.Opened.Add(lifetime)
	}
	return x
}

// closed is a connection on record.
type closed struct{ record.Connection }

// bytes implements [sized].
func (c *closed) bytes() int64 {
	return place + int64(unsafe.Sizeof(*c)) + int64(len(c.Remote)+len(c.Host)+len(c.Error)) + tlsBytes(c.TLS)
}

// hold implements [sized].
func (c *closed) hold() int64 { return c.bytes() }

// release implements [sized].
func (c *closed) release() int64 { return c.bytes() }

// Connections returns the accepted connections, in the order in which they were accepted:
// those that are open, and those closed since the last [Recorder.Clear] for which there
// was room.
func (r *Recorder) Connections() []record.Connection {
	all := r.allConnections()
	for i := range all {
		all[i].TLS = copyOf(all[i].TLS)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

func (r *Recorder) allConnections() (all []record.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		all = append(all, c.connection(-1))
	}
	for _, c := range r.closed.list {
		all = append(all, c.Connection)
	}
	return all
}

// WithConn returns a context with the connection, for the requests on it; see
// [http.Server.ConnContext].
func WithConn(ctx context.Context, c *Accepted) context.Context {
	must.NotNil("recorder: WithConn: ctx", ctx)
	return inflight.With(ctx, c)
}

func acceptedOf(ctx context.Context) *Accepted {
	c, _ := inflight.Value[*Accepted](ctx)
	return c
}
