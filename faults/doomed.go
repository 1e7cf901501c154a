package faults

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// doomed are connections that end at their next request.
type doomed struct {
	any   atomic.Bool
	mu    sync.Mutex
	rules map[Conn]string
}

func (d *doomed) add(c Conn, rule string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rules == nil {
		d.rules = map[Conn]string{}
	}
	d.rules[c] = rule
	d.any.Store(true)
}

// take tells whether the connection of a request is doomed, once, and by which
// rule.
func (d *doomed) take(r *http.Request) (rule string, ok bool) {
	if !d.any.Load() {
		return "", false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := connOf(r.Context())
	rule, ok = d.rules[c]
	delete(d.rules, c)
	return rule, ok
}

func (d *doomed) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = nil
	d.any.Store(false)
}
