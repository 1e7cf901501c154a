package registrytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/must"
)

// noTest replaces a nil t. What would fail the test panics. What the end of the test would
// do, end does, and returns what would have failed the test.
//
// It implements only the methods that this package calls; a test checks that.
type noTest struct {
	testing.TB

	mu       sync.Mutex // guards what follows
	cleanups []func()
	ending   bool
	errs     []error // of end
}

// test returns t, or its replacement if t is nil.
func (r *Registry) test(t testing.TB) testing.TB { return testOr(t, &r.none) }

func testOr(t testing.TB, none *noTest) testing.TB {
	if must.IsNil(t) {
		return none
	}
	return t
}

func (n *noTest) Helper()                           {}
func (n *noTest) Context() context.Context          { return context.Background() }
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

// contextOf returns the context of a test. In a function that was given to Cleanup, where
// that context is cancelled already, it returns one that is not.
func contextOf(t testing.TB) context.Context {
	ctx := t.Context()
	if ctx.Err() != nil {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// TempDir returns a directory that the caller must remove.
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

// end runs the functions that were given to Cleanup, the last one first.
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
