package memstore

import (
	"fmt"
	"sync/atomic"

	"github.com/ocifake/ocifake/registry"
)

// account counts bytes against a limit.
type account struct {
	limit int64 // negative: none
	used  atomic.Int64
}

// take reserves n bytes, or the bytes that are left, and returns how many.
func (a *account) take(n int64) int64 {
	for {
		used := a.used.Load()
		if a.limit >= 0 {
			n = min(n, a.limit-used)
		}
		if n <= 0 {
			return 0
		}
		if a.used.CompareAndSwap(used, used+n) {
			return n
		}
	}
}

// takeAll reserves n bytes or none.
func (a *account) takeAll(n int64) bool {
	taken := a.take(n)
	if taken == n {
		return true
	}
	a.release(taken)
	return false
}

func (a *account) release(n int64) { a.used.Add(-n) }

// reserve is like take, but first expires sessions if there is not enough space.
func (s *Store) reserve(n int64) int64 {
	if taken := s.account.take(n); taken > 0 {
		return taken
	}
	s.mu.Lock()
	s.expire()
	s.mu.Unlock()
	return s.account.take(n)
}

// reserveAll is like takeAll, but first expires sessions. The caller holds the lock.
func (s *Store) reserveAll(n int64) bool {
	if s.account.takeAll(n) {
		return true
	}
	s.expire()
	return s.account.takeAll(n)
}

// full returns the error of a call, described by its arguments, for which there is no space.
func (s *Store) full(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	return failf(registry.Full, "%s: the store's limit of %d bytes is reached: delete content, or raise MaxBytes", what, s.account.limit)
}
