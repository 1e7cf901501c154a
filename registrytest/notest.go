package registrytest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/must"
)

// noTest stands in for a test where t is nil. What would fail the test panics. What the
// end of the test would do, end does, and returns what would fail the test then.
//
// It has those methods only that this package calls; a test holds that it has them.
type noTest struct {
	testing.TB

	mu       sync.Mutex // guards what follows
	cleanups []func()
	ending   bool
	errs     []error // while it is ending
}

// test returns t, or what stands in for it until the registry is closed.
func (r *Registry) test(t testing.TB) testing.TB { return testOr(t, &r.none) }

func testOr(t testing.TB, none *noTest) testing.TB {
	if must.IsNil(t) {
		return none
	}
	return t
}

func (n *noTest) Helper()                           {}
func (n *noTest) Log(args ...any)                   {}
func (n *noTest) Failed() bool                      { return false }
func (n *noTest) Skipped() bool                     { return false }
func (n *noTest) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (n *noTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (n *noTest) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ending {
		panic(text)
	}
	n.errs = append(n.errs, errors.New(text))
}

// TempDir returns a directory that nobody removes but the caller.
func (n *noTest) TempDir() string {
	dir, err := os.MkdirTemp("", "registrytest-")
	if err != nil {
		panic(fmt.Sprintf("registrytest: %v", err))
	}
	return dir
}

func (n *noTest) Cleanup(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cleanups = append(n.cleanups, f)
}

// end runs the functions that were given to Cleanup, the latest first.
func (n *noTest) end() error {
	n.mu.Lock()
	n.ending = true
	cleanups := n.cleanups
	n.cleanups = nil
	n.mu.Unlock()
	for i := len(cleanups) - 1; i >= 0; i-- {
		cleanups[i]()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ending = false
	err := errors.Join(n.errs...)
	n.errs = nil
	return err
}
