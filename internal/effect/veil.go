package effect

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/registry"
)

// veil is the content that does not show yet.
type veil struct {
	count atomic.Int64 // of leases, so that it costs nothing if there is none

	mu     sync.Mutex
	leases map[veiled]*lease
}

// veiled is one thing that does not show.
type veiled struct {
	kind veilKind
	repo string
	name string // digest or tag
}

type veilKind uint8

const (
	hiddenBlob veilKind = iota
	hiddenManifest
	staleTag
	laggingTag
	deletedBlob
	deletedManifest
	deletedTag
)

// lease is how long something does not show.
type lease struct {
	left   int                // requests; 0: without limit
	until  time.Time          // zero: without limit
	before *registry.Manifest // what shows in its place; nil: nothing
	blob   *keptBlob          // of a deletedBlob
	acted  func()             // is called when a request is affected
}

func newLease(args LagArgs) lease {
	l := lease{left: args.Requests}
	if args.For > 0 {
		l.until = time.Now().Add(time.Duration(args.For))
	}
	return l
}

func (v *veil) add(key veiled, l lease) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.leases == nil {
		v.leases = map[veiled]*lease{}
	}
	for key, old := range v.leases {
		if old.over() {
			v.end(key)
		}
	}
	v.end(key)
	v.leases[key] = &l
	v.count.Store(int64(len(v.leases)))
}

// over reports whether the time of the lease has passed.
func (l *lease) over() bool { return !l.until.IsZero() && !time.Now().Before(l.until) }

// covers reports whether something does not show, and counts that it was asked for.
func (v *veil) covers(key veiled) (before *registry.Manifest, covered bool) {
	if v.count.Load() == 0 {
		return nil, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.use(key)
	if l == nil {
		return nil, false
	}
	return l.before, true
}

// openDeleted opens a deleted blob that still shows.
func (v *veil) openDeleted(key veiled) (registry.Blob, bool) {
	if v.count.Load() == 0 {
		return nil, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.leases[key]
	if l == nil {
		return nil, false
	}
	blob := l.blob.open()
	if v.use(key) == nil {
		_ = blob.Close() // no reader has it
		return nil, false
	}
	return blob, true
}

// use counts a request for something, and returns its lease, or nil if it has none. v.mu
// is held.
func (v *veil) use(key veiled) *lease {
	l := v.leases[key]
	if l == nil {
		return nil
	}
	if l.over() {
		v.end(key)
		return nil
	}
	l.acted()
	if l.left > 0 {
		if l.left--; l.left == 0 {
			v.end(key)
		}
	}
	return l
}

// end ends a lease, if there is one. v.mu is held.
func (v *veil) end(key veiled) {
	if l := v.leases[key]; l != nil && l.blob != nil {
		l.blob.release()
	}
	delete(v.leases, key)
	v.count.Store(int64(len(v.leases)))
}

func (v *veil) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key := range v.leases {
		v.end(key)
	}
}
