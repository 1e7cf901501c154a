package effect

import (
	"sync"
	"sync/atomic"
)

// doomed are connections that end at their next request.
type doomed struct {
	any   atomic.Bool
	mu    sync.Mutex
	conns map[Conn]doom
}

// doom is why a connection ends.
type doom struct {
	rule  string
	acted func() // is called when it ends
}

func (d *doomed) add(c Conn, why doom) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		d.conns = map[Conn]doom{}
	}
	d.conns[c] = why
	d.any.Store(true)
}

// take reports whether a connection is doomed, once, and why. A connection that has
// ended is taken, too.
func (d *doomed) take(c Conn) (why doom, ok bool) {
	if !d.any.Load() {
		return doom{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	why, ok = d.conns[c]
	delete(d.conns, c)
	d.any.Store(len(d.conns) > 0)
	return why, ok
}

func (d *doomed) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = nil
	d.any.Store(false)
}
