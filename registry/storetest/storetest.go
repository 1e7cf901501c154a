// Package storetest checks implementations of [registry.Store] against every sentence
// of the interface's documentation that can be observed, concurrency included. It does
// not check a Store's limits (TooManyUploads, Full), when upload sessions expire, or the
// cost of methods.
//
// It does not use package testing, so that a test, another framework or a program can
// call it. In a Go test each check is a subtest:
//
//	for _, check := range storetest.Checks() {
//		t.Run(check.Name, func(t *testing.T) {
//			if err := check.Run(t.Context(), newStore); err != nil {
//				t.Error(err)
//			}
//		})
//	}
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// patience is how long one check may take before what it waits for is reported
// as hanging; grace is what it then has to give up by itself.
const (
	patience = time.Minute
	grace    = 30 * time.Second
)

// Check is a requirement that every Store must meet.
type Check struct {
	// Name is unique and has the form subject/requirement: "uploads/a second writer is
	// refused at once".
	Name string

	// Run checks a Store that newStore returns: an empty one, with room for 32 MiB in 64
	// blobs and upload sessions. Run calls newStore once, in its own goroutine.
	//
	// It returns nil, or all violations joined. A violation names the method, the
	// repository, the arguments, the result and the sentence that it violates; a panic of
	// the Store is one too. Run returns soon after ctx is done. A Store that hangs is
	// reported after a minute and left behind with the goroutines that wait for it.
	Run func(ctx context.Context, newStore func() (registry.Store, error)) error
}

// Checks returns all checks, in the order in which a new implementation should be made
// to pass them. They are independent of each other and may run in parallel.
func Checks() []Check {
	all := slices.Concat(
		blobChecks(), uploadChecks(), manifestChecks(), repositoryChecks(), listChecks(),
		concurrencyChecks(), contextChecks(),
	)
	checks := make([]Check, len(all))
	for i, c := range all {
		checks[i] = Check{Name: c.name, Run: c.run}
	}
	return checks
}

// check is a Check before it has a Store to work on.
type check struct {
	name string
	test func(*tester)
}

func (c check) run(ctx context.Context, newStore func() (registry.Store, error)) error {
	must.NotNil("storetest: Check.Run: ctx", ctx)
	must.NotNil("storetest: Check.Run: newStore", newStore)
	store, err := newStore()
	if err != nil {
		return fmt.Errorf("storetest: %s: newStore: %w", c.name, err)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := &tester{ctx: limited, store: store, progress: &progress{check: c.name, over: limited, end: cancel}}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		t.run(c.test)
	}()
	<-limited.Done()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		t.reportHanging()
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("storetest: %s: %w", c.name, context.Cause(ctx))
	}
	return t.violations()
}
