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
	"github.com/ocifake/ocifake/record"
)

// Options are what a recorder keeps. The zero value is right for most tests.
type Options struct {
	// MaxBytes bounds the memory that exchanges take which have ended, and
	// connections which are closed. Beyond it the oldest are dropped, see
	// [Recorder.Dropped]. An exchange takes less than 400 bytes and its bodies, and
	// less than 64 bytes if it is like another before it.
	// Default: 64 MiB; if negative, none are kept.
	MaxBytes int64

	// MaxBody is how many bytes are kept of the body of a manifest, a list, a token
	// request, a token or an error. Blobs are never kept. Error codes are read
	// from what is kept. Default: 64 KiB; if negative, none are kept.
	MaxBody int

	// KeepSecrets keeps passwords, tokens, cookies and signatures of URLs, which
	// are replaced by "[redacted]" otherwise.
	KeepSecrets bool

	// Log gets one record for each request that has ended, at level Debug. Default:
	// none.
	Log *slog.Logger
}

const (
	defaultMaxBytes = 64 << 20
	defaultMaxBody  = 64 << 10
)

// Recorder keeps what it sees of requests and connections. It is safe for
// concurrent use. It has no goroutine and need not be closed.
//
// A nil *Recorder may be given to a server: it records nothing.
type Recorder struct {
	options Options
	epoch   time.Time // that moments are kept relative to
	seed    maphash.Seed
	headers headerCache

	waiting atomic.Bool // changed is not nil

	mu       sync.Mutex // guards what follows; held for moments only
	changed  chan struct{}
	seq      uint64 // of the latest request
	cleared  uint64 // requests up to this one are forgotten
	inFlight int
	live     pending    // ring of the requests in flight, in order
	backlog  []*pending // ended and not encoded yet
	accepted uint64     // number of the latest connection
	open     map[*Accepted]struct{}

	encoding sync.Mutex // guards what follows; taken before mu. Who takes from the backlog holds it
	batch    []*pending // room
	entry    entry      // room
	ended    chunks
	keepers  []*Follower // of what is cleared
}

// New returns a recorder that has seen nothing.
func New(options Options) *Recorder {
	options.MaxBytes = max(cmp.Or(options.MaxBytes, defaultMaxBytes), 0)
	options.MaxBody = max(cmp.Or(options.MaxBody, defaultMaxBody), 0)
	r := &Recorder{
		options: options,
		epoch:   time.Now(),
		seed:    maphash.MakeSeed(),
		open:    map[*Accepted]struct{}{},
		ended:   chunks{max: options.MaxBytes},
	}
	r.live.prev, r.live.next = &r.live, &r.live
	return r
}

// Wrap returns a handler that lets next serve the requests and records them. It
// belongs outermost, but after whatever rewrites the request's URL. Several
// handlers may be wrapped.
//
// The header of an answer is recorded as handlers have set it: what net/http adds
// to it is not seen, such as Date.
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

// Log returns the exchanges that all filters mean, in the order in which the
// requests began. Those in flight are among them, marked Open and with what is
// known until now. The log is a copy: it does not change any more.
//
// A client may have got its answer a moment before the exchange is no longer Open.
func (r *Recorder) Log(filters ...record.Filter) record.Log {
	var log record.Log
	for x := range r.Exchanges(0, filters...) {
		log = append(log, x)
	}
	sortLog(log)
	return log
}

// fullBacklog is how many exchanges are encoded together, which costs each of
// them less.
const fullBacklog = 16

// encodeSome encodes the requests that have ended, unless somebody else does.
func (r *Recorder) encodeSome() {
	if r.encoding.TryLock() {
		defer r.encoding.Unlock()
		r.encode(nil)
	}
}

// encode encodes the requests that have ended, up to a moment of which a function
// can see more. r.encoding is held.
func (r *Recorder) encode(then func() []byte) (seen []byte) {
	r.mu.Lock()
	r.batch, r.backlog = r.backlog, r.batch[:0]
	if then != nil {
		seen = then()
	}
	r.mu.Unlock()
	for _, p := range r.batch {
		r.entry.pack(p)
		for i := range r.entry.parts {
			if i != numbersSegment {
				r.entry.parts[i].sumUp(r.seed)
			}
		}
		r.ended.add(exchangeEntry, r.entry.parts[:])
	}
	clear(r.batch)
	return seen
}

// Mark returns the present moment: requests that begin later are [Since] it.
func (r *Recorder) Mark() record.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return record.Mark(r.seq)
}

// Clear forgets the requests that have begun, those in flight too, and the
// connections that are closed. Numbers go on as before. Who follows and keeps is told of
// those that have ended: see [Follower.Keep].
func (r *Recorder) Clear() {
	r.encoding.Lock()
	defer r.encoding.Unlock()
	r.encode(func() []byte {
		r.cleared = r.seq
		return nil
	})
	for _, f := range r.keepers {
		f.past = append(f.past, past{chunks{list: r.ended.list, kept: r.ended.kept}, record.Mark(r.cleared)})
	}
	r.ended.clear()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signal()
}

// Dropped returns how many exchanges are no longer there, since the last
// [Recorder.Clear], because there was no room for them.
func (r *Recorder) Dropped() int {
	r.encoding.Lock()
	defer r.encoding.Unlock()
	r.encode(nil)
	return r.ended.dropped
}

// Changed returns a channel that is closed at the next change: a request begins,
// is answered or ends, a connection opens, fails or closes, or the recorder is
// cleared. Ask for it before you look at the record, lest you miss the change. In a
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

// notify is signal for those who have changed nothing that r.mu guards.
func (r *Recorder) notify() {
	if r.waiting.Load() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.signal()
	}
}
