package recorder

import (
	"cmp"
	"context"
	"crypto/tls"
	"sort"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Accepted is a connection that a server accepted, and tells its recorder about.
// Its methods are safe for concurrent use, and do nothing if it is nil.
type Accepted struct {
	recorder *Recorder
	id       uint64
	bytes    func() (in, out int64)
	remote   string
	opened   time.Time
	severed  atomic.Bool

	packed segment // see packPeer; complete when the first request comes

	// Guarded by the recorder's mutex.
	requests int
	failure  string
}

// Accept records that a connection was accepted from a remote address. bytes
// returns how many came and went; it may be called at any time until the recorder
// is no longer used. Of a nil recorder the result is nil.
func (r *Recorder) Accept(remote string, bytes func() (in, out int64)) *Accepted {
	if r == nil {
		return nil
	}
	must.NotNil("recorder: Recorder.Accept: bytes", bytes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted++
	c := &Accepted{recorder: r, id: r.accepted, bytes: bytes, remote: remote, opened: time.Now()}
	c.packed = c.pack(nil)
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
	packed := c.pack(newTLS(&state))
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.packed = packed
}

func (c *Accepted) pack(t *record.TLS) segment {
	s := segment{b: packPeer(nil, c.id, c.remote, t)}
	s.sumUp(c.recorder.seed)
	return s
}

// Failed records why the connection will not do: only the first reason counts.
func (c *Accepted) Failed(reason string) {
	if c == nil {
		return
	}
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.failure = cmp.Or(c.failure, reason)
	c.recorder.signal()
}

// Severed says that the server is about to end the connection of its own accord:
// what happens to its requests from then on is not taken for the client's leaving.
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
	r.encoding.Lock()
	defer r.encoding.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, open := r.open[c]; !open {
		return
	}
	delete(r.open, c)
	r.ended.add(connectionEntry, []segment{{b: c.packAll(time.Since(c.opened))}})
	r.signal()
}

// packAll packs what is known now; lifetime is negative while it is open. The
// recorder's mutex is held.
func (c *Accepted) packAll(lifetime time.Duration) []byte {
	in, out := c.bytes()
	b := packUint(nil, uint64(c.requests))
	b = packUint(b, uint64(in))
	b = packUint(b, uint64(out))
	b = packInt(b, int64(c.opened.Sub(c.recorder.epoch)))
	b = packInt(b, int64(lifetime))
	b = packText(b, c.failure)
	return append(b, c.packed.b...)
}

func (d *decoder) connection(b []byte) record.Connection {
	u := d.at(b)
	c := record.Connection{
		Requests: int(u.uint()),
		In:       int64(u.uint()),
		Out:      int64(u.uint()),
		Opened:   d.epoch.Add(time.Duration(u.int())),
	}
	if lifetime := u.int(); lifetime >= 0 {
		c.Closed = c.Opened.Add(time.Duration(lifetime))
	}
	c.Error = u.text()
	c.ID, c.Remote, c.TLS = u.peer()
	return c
}

// Connections returns the connections of the servers that tell the recorder of
// them, in the order in which they were accepted: those that are open, and those
// closed since the last [Recorder.Clear] for which there was room.
func (r *Recorder) Connections() []record.Connection {
	open, closed := r.allConnections()
	d := newDecoder(r.epoch)
	var all []record.Connection
	for _, b := range open {
		all = append(all, d.connection(b))
	}
	for _, b := range closed {
		eachEntry(b, connectionEntry, func(parts [][]byte) {
			all = append(all, d.connection(parts[0]))
		})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

func (r *Recorder) allConnections() (open, chunks [][]byte) {
	r.encoding.Lock()
	defer r.encoding.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		open = append(open, c.packAll(-1))
	}
	return open, r.ended.bytes()
}

// WithConn returns a context that has the connection, for those of the requests
// that come on it; see [http.Server.ConnContext].
func WithConn(ctx context.Context, c *Accepted) context.Context {
	must.NotNil("recorder: WithConn: ctx", ctx)
	return op.With(ctx, c)
}

func acceptedOf(ctx context.Context) *Accepted {
	c, _ := op.Value[*Accepted](ctx)
	return c
}
