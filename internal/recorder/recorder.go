package recorder

import (
	"cmp"
	"hash/maphash"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/recent"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/record"
)

// Options are what a recorder keeps. The zero value is right for most tests.
type Options struct {
	// MaxBytes bounds the memory for exchanges that have ended, and for closed
	// connections, which have an eighth of it. Beyond it the oldest are dropped, see
	// [Recorder.Dropped]. An exchange takes about 1 KiB, and its bodies.
	// Default: 64 MiB; if negative, none are kept.
	MaxBytes int64

	// MaxBody is how many bytes are kept of the body of a manifest, a list, a token
	// request, a token or an error. Blobs are never kept. Error codes are read
	// from what is kept. Default: 64 KiB; if negative, none are kept.
	MaxBody int

	// KeepSecrets keeps passwords, tokens, cookies and signatures of URLs, which by
	// default are replaced by their fingerprints, see [record.Secret].
	KeepSecrets bool

	// Redactor replaces secrets. Recorders with the same one give a secret the same
	// fingerprint. Default: one with a key of its own.
	Redactor redact.Redactor

	// Log gets a record for each request that has ended, at level Debug. Default: none.
	Log *slog.Logger
}

const (
	defaultMaxBytes = 64 << 20
	defaultMaxBody  = 64 << 10
)

// Recorder records requests and connections. It is safe for concurrent use. It has no
// goroutine and need not be closed. A nil *Recorder records nothing.
type Recorder struct {
	options Options
	epoch   time.Time // that moments are measured from
	wall    time.Time // the epoch without its monotonic reading, which no file has either
	seed    maphash.Seed
	headers headerCache

	waiting atomic.Bool // changed is not nil

	mu        sync.Mutex // guards what follows; held for moments only
	changed   chan struct{}
	seq       uint64 // of the latest request
	attempts  *recent.Map[uint64, int32]
	cleared   uint64 // requests up to this one are forgotten
	clearedAt uint64 // position of the end then
	serving   int
	live      pending // ring of the requests in flight, in order
	ended     ring[*entry]
	accepted  uint64 // number of the latest connection
	open      map[*Accepted]struct{}
	closed    ring[*closed]
	keepers   []*Follower // of what is cleared
}

// connectionShare is the part of the memory that is for closed connections.
const connectionShare = 8

// New returns a recorder that has seen nothing.
func New(options Options) *Recorder {
	options.MaxBytes = max(cmp.Or(options.MaxBytes, defaultMaxBytes), 0)
	options.MaxBody = max(cmp.Or(options.MaxBody, defaultMaxBody), 0)
	if !options.Redactor.HasKey() {
		options.Redactor = redact.New()
	}
	r := &Recorder{
		options: options,
		epoch:   time.Now(),
		seed:    maphash.MakeSeed(),
		open:    map[*Accepted]struct{}{},
	}
	r.wall = r.epoch.Round(0)
	r.attempts = recent.NewMap[uint64, int32](maxAttempts)
	r.closed.max = options.MaxBytes / connectionShare
	r.ended.max = options.MaxBytes - r.closed.max
	r.live.prev, r.live.next = &r.live, &r.live
	return r
}

// moment returns a time as exchanges and connections on record have it: in step with the
// monotonic clock.
func (r *Recorder) moment(t time.Time) time.Time { return r.wall.Add(t.Sub(r.epoch)) }

// Wrap returns a handler that records the requests that next serves. It belongs
// outermost, but after handlers that rewrite the request's URL. Several handlers may be
// wrapped.
//
// The header of an answer is recorded as handlers have set it, without what net/http
// adds, such as Date.
func (r *Recorder) Wrap(next http.Handler) http.Handler {
	must.NotNil("recorder: Recorder.Wrap: next", next)
	if r == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		p, request := r.begin(w, request)
		defer p.end() // also of a panic, which goes on
		next.ServeHTTP(p.writer(), request)
		p.returned = true
	})
}

// Mark returns the present moment: requests that begin later are [record.Since] it.
func (r *Recorder) Mark() record.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return record.Mark(r.seq)
}

// Clear forgets the requests that have begun, including those in flight, and the
// connections that are closed. Numbers go on as before. A follower may keep the requests
// that have ended: see [Follower.Keep].
func (r *Recorder) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleared = r.seq
	r.attempts.Clear()
	for _, f := range r.keepers {
		f.past = append(f.past, past{r.ended, record.Mark(r.cleared)})
	}
	r.ended.clear()
	r.clearedAt = r.ended.first
	r.closed.clear()
	r.signal()
}

// Dropped returns how many exchanges are no longer there, since the last
// [Recorder.Clear], because there was no room for them.
func (r *Recorder) Dropped() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended.dropped
}

// Changed returns a channel that is closed at the next change: a request begins,
// is answered or ends, a connection opens, fails or closes, or the recorder is
// cleared. Call it before you look at the record, so that you miss no change. In a
// bubble of [testing/synctest] the requests must be served in the same bubble.
func (r *Recorder) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
		r.waiting.Store(true)
	}
	return r.changed
}

// signal tells of a change. r.mu is held.
func (r *Recorder) signal() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
		r.waiting.Store(false)
	}
}

// notify is signal for changes that r.mu does not guard. It takes the lock.
func (r *Recorder) notify() {
	if r.waiting.Load() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.signal()
	}
}
