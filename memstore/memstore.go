// Package memstore keeps the content of a registry in memory.
//
//	store := memstore.New(memstore.Options{MaxBytes: 1 << 30})
//	http.Handle("/v2/", registry.New(store, registry.Options{}))
//
// [Store] implements [registry.Store]. New, Clone and Restore take constant time.
//
// Content is addressed by digest. Equal blobs, and the bytes of equal manifests, are stored
// and counted once, in however many repositories they are visible. The memory is released
// when the last repository has deleted them and no reader is open.
//
// Blobs are received into pieces of at most 1 MiB, which are not copied, and hashed while they
// arrive. The store allocates memory, and counts it against [Options.MaxBytes], only for bytes
// that have arrived, not for those that a client announces: a session takes at most four
// times what it has received, or 4 KiB. If the store is full, methods fail with
// [registry.Full].
//
// The store holds no lock while it reads a body, writes a blob or iterates over a list: a slow
// client does not delay others. A list shows a snapshot, and costs no more than the entries
// that its caller takes.
//
// If the context of a call ends while a chunk arrives, the store treats that as a read error
// of the body: it keeps what arrived.
//
// The store has no goroutines and no timers, and need not be closed. Sessions that have
// expired are removed by later calls. It works in bubbles of testing/synctest.
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
	// MaxBytes limits the total size of the blobs, the manifests and the content of upload
	// sessions, in bytes. The indexes, some hundred bytes for each, do not count.
	// Default 4 GiB.
	MaxBytes int64

	// MaxUploads limits the number of open upload sessions. Default 10000.
	MaxUploads int

	// UploadTTL is the time after which an upload session expires, counted from the last call
	// that used it. A session does not expire while a chunk arrives.
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

// Store is a [registry.Store] in memory. Its methods are safe for concurrent use. Callers must
// not change results, including the annotations of descriptors, but may change arguments
// after a call.
type Store struct {
	options Options
	account account

	mu      sync.RWMutex // guards the fields below; not held during I/O or calls of the caller's code
	index   index        // the content
	uploads tree         // the open sessions, by repository and identifier: *upload
	touched list.List    // the same, the least recently used session first
}

var _ registry.Store = (*Store)(nil)

// New returns an empty store.
func New(options Options) *Store {
	return newStore(options.withDefaults(), newIndex())
}

func newStore(options Options, content index) *Store {
	s := &Store{options: options, index: content, uploads: newTree()}
	s.account.limit = options.MaxBytes
	s.account.used.Store(content.bytes)
	return s
}

// Clone returns a store with the same content and limits, without the upload sessions. Later
// changes of one store do not affect the other. Clone takes constant time: the stores share
// the content that neither changes, and each counts all of its bytes.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newStore(s.options, s.index.snapshot())
}

// Restore replaces the content of the store by the content of another store, usually an
// earlier [Store.Clone], which stays unchanged. Restore takes constant time and is atomic for
// readers. The limits of the store stay. If the content exceeds them, it is kept, but nothing
// can be added.
//
// Restore cancels all upload sessions: a running Append or Commit fails with
// [registry.UploadUnknown], and its bytes count until it returns. Open blobs stay readable.
//
// The content of from is that of one moment during the call.
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

// Bytes returns the number of bytes that count against [Options.MaxBytes].
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
