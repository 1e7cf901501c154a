// Package memstore keeps the content of a registry in memory. [Store] is a
// [registry.Store]: it starts empty and in no time, is bounded, and can be
// copied and restored in no time.
//
// Content is addressed by digest. Equal blobs are held once, and counted once,
// however many repositories they are visible in, and so are the bytes of equal
// manifests. They are let go when the last repository has deleted them; readers
// that are open then go on reading.
//
// Blobs are received straight into the memory that they stay in, pieces of at
// most 1 MiB that are neither copied nor joined, and hashed while they arrive.
// That memory is taken, and counted against [Options.MaxBytes], when bytes for
// it have come, never because a client announced them: a session holds at most four
// times what it has received, or 4 KiB. A store that is full answers with
// [registry.Full].
//
// No lock is held while a body is read, a blob is written or a list iterated:
// a client that stalls delays nobody. A list shows a snapshot, which costs
// nothing to take, and reads no more of it than its caller does.
//
// A call whose context ends while a chunk arrives is treated as if the body had
// ended with a read error: what arrived is kept.
//
// Nothing goes on behind the caller's back. No goroutine outlives the call that
// started it, there are no timers and no state outside the Store: that sessions
// have expired is found out when something is asked of the store. So it works in
// [testing/synctest] bubbles, and need not be closed.
package memstore

import (
	"container/list"
	"fmt"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// NoLimit is the value of an option of [Options] that sets no limit.
const NoLimit = -1

// Options are the limits of a [Store]. The zero value has the defaults, and [NoLimit], or
// any negative number, sets no limit.
type Options struct {
	// MaxBytes is how many bytes the blobs, the manifests and what has arrived in
	// upload sessions may have together. What the store needs to find them again,
	// some hundred bytes each, is not counted. Default 4 GiB.
	MaxBytes int64

	// MaxUploads is how many upload sessions may be open. Default 10000.
	MaxUploads int

	// UploadTTL is the time after which an upload session expires, counted from
	// the last call that addressed it; a chunk that is arriving keeps it alive.
	// Default 1 hour.
	UploadTTL time.Duration
}

const (
	defaultMaxBytes   = 4 << 30
	defaultMaxUploads = 10_000
	defaultUploadTTL  = time.Hour
)

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxUploads == 0 {
		o.MaxUploads = defaultMaxUploads
	}
	if o.UploadTTL == 0 {
		o.UploadTTL = defaultUploadTTL
	}
	return o
}

// Store is a registry's content in memory. Its methods are safe for concurrent
// use. What they return, the annotations of descriptors included, is shared and
// must not be changed; what is given to them may be.
type Store struct {
	options Options
	account account

	mu      sync.RWMutex  // for work on the fields below: never across I/O or a caller's code
	index   index         // the content
	uploads tree[*upload] // the open sessions, by repository and identifier
	touched list.List     // the same, the one that was not addressed for longest in front
}

var _ registry.Store = (*Store)(nil)

// New returns an empty store.
func New(options Options) *Store {
	return newStore(options.withDefaults(), newIndex())
}

func newStore(options Options, content index) *Store {
	s := &Store{options: options, index: content, uploads: newTree[*upload]()}
	s.account.limit = options.MaxBytes
	s.account.used.Store(content.bytes)
	return s
}

// Clone returns a store with the same content and limits, without the upload
// sessions. Neither sees what changes in the other from then on. It takes the
// same, very short, time whatever the size of the content: both go on sharing
// what neither changes. Each counts its own bytes as if it were alone.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newStore(s.options, s.index.snapshot())
}

// Restore gives the store the content of another one, which stays as it is:
// usually of a [Store.Clone] that was taken earlier. It takes the same, very
// short, time whatever the size of the content, and who reads sees what was there
// before or what is there then. The limits stay the store's own; if the content
// has more bytes than they allow, it is there, and nothing can be added.
//
// All upload sessions end, as if they were cancelled: an Append or Commit that is
// running fails with [registry.UploadUnknown], and what has arrived of it is
// counted until it has returned. Blobs that are open stay readable.
//
// What from has is what it had at one moment of the call.
func (s *Store) Restore(from *Store) {
	must.NotNil("memstore: Store.Restore: from", from)
	var content index
	if from != s {
		from.mu.Lock()
		content = from.index.snapshot()
		from.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for front := s.touched.Front(); front != nil; front = s.touched.Front() {
		front.Value.(*upload).drop()
	}
	if from != s {
		s.account.release(s.index.bytes - content.bytes)
		s.index = content
	}
}

// Bytes returns how much of [Options.MaxBytes] is used.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return s.account.used.Load()
}

// failf returns an error with a cause and a message for the client.
func failf(cause registry.Cause, format string, args ...any) error {
	return &registry.Error{Cause: cause, Message: fmt.Sprintf(format, args...)}
}
