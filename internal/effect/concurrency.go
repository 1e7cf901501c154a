package effect

import (
	"hash/maphash"
	"net/http"
	"sync"
)

// gate counts the requests that are being served. It is safe for concurrent use.
type gate struct {
	seed maphash.Seed

	mu   sync.Mutex
	busy map[uint64]int64 // only keys with requests
}

func newGate() any { return &gate{seed: maphash.MakeSeed(), busy: map[uint64]int64{}} }

// enter counts a request, unless there are as many as the limit.
func (g *gate) enter(key uint64, limit int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[key] >= limit {
		return false
	}
	g.busy[key]++
	return true
}

func (g *gate) leave(key uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[key]--; g.busy[key] == 0 {
		delete(g.busy, key)
	}
}

// serveConcurrently refuses a request if as many as the limit are being served.
func (e Limit) serveConcurrently(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	g := x.shot.Memory(x.effect, e, newGate).(*gate)
	key := e.By.hash(x, r, g.seed)
	if g.enter(key, e.Requests) {
		defer g.leave(key) // also after a panic, with which a handler ends that its client has left
	} else if x.act() {
		e.refuse(x, quota{limit: e.Requests, used: e.Requests}, w, r)
		return
	}
	next.ServeHTTP(w, r)
}
