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
)

// lease is how long something does not show.
type lease struct {
	left   int       // requests; 0: without limit
	until  time.Time // zero: without limit
	before *registry.Manifest
	acted  func() // is called when something finds it missing
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
	v.leases[key] = &l
	v.count.Store(int64(len(v.leases)))
}

// covers reports whether something does not show, and counts that it was asked for.
func (v *veil) covers(key veiled) (before *registry.Manifest, covered bool) {
	if v.count.Load() == 0 {
		return nil, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.leases[key]
	if l == nil {
		return nil, false
	}
	if !l.until.IsZero() && !time.Now().Before(l.until) {
		v.end(key)
		return nil, false
	}
	l.acted()
	if l.left > 0 {
		if l.left--; l.left == 0 {
			v.end(key)
		}
	}
	return l.before, true
}

func (v *veil) end(key veiled) {
	delete(v.leases, key)
	v.count.Store(int64(len(v.leases)))
}

func (v *veil) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leases = nil
	v.count.Store(0)
}
