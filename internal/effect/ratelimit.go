package effect

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/recent"
)

// windows are the counts of a rate limit. They are safe for concurrent use.
type windows struct {
	seed maphash.Seed

	mu    sync.Mutex
	table *recent.Map[uint64, *window]
}

// window is one count. The mutex of its windows guards it.
type window struct {
	used int64
	ends time.Time
}

func newWindows() any {
	return &windows{seed: maphash.MakeSeed(), table: recent.NewMap[uint64, *window](maxKeys)}
}

// take counts a request, unless the limit is reached. The window of a key begins with the
// first request after the end of the one before.
func (s *windows) take(e Limit, key uint64, now time.Time) (w *window, q quota, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	length := time.Duration(e.Window)
	w = s.table.Get(key)
	if w == nil || !now.Before(w.ends) {
		w = &window{ends: now.Add(length)}
	}
	s.table.Set(key, w)
	limit := max(e.Requests, int64(e.Bytes))
	ok = w.used < limit
	if ok && e.Requests > 0 {
		w.used++
	}
	return w, quota{limit, min(w.used, limit), length, w.ends}, ok
}

// add counts bytes.
func (s *windows) add(w *window, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.used += int64(n)
}

// serveRate refuses a request if its window is used up. A request that begins before passes
// as a whole, whatever its size is.
func (e Limit) serveRate(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	counts := x.shot.Memory(x.effect, e, newWindows).(*windows)
	at, q, ok := counts.take(e, e.By.hash(x, r, counts.seed), time.Now())
	if !ok && x.act() {
		e.refuse(x, q, w, r)
		return
	}
	mine := *x
	mine.quota = &q
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		e.setHeader(&mine, w.Header(), r)
		return status
	}
	if e.Bytes > 0 {
		count := func(n int) { counts.add(at, n) }
		if r.Method != http.MethodHead {
			out.body = func(p []byte) (int, error) {
				n, err := w.Write(p)
				count(n)
				return n, err
			}
		}
		if r.Body != nil && r.Body != http.NoBody {
			r = withBody(r, countedBody{peekable(r.Body), count})
		}
	}
	out.serve(r, next)
}

// countedBody is a request's body whose bytes are counted as they are read.
type countedBody struct {
	peeker
	count func(int)
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.peeker.Read(p)
	b.count(n)
	return n, err
}
