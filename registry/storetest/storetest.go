// Package storetest checks implementations of [registry.Store], as
// [testing/fstest] checks file systems: against every sentence of the
// interface's documentation that can be seen from outside, concurrency included.
// That leaves out a Store's limits (TooManyUploads, Full), when its sessions
// expire, and what its methods cost.
//
// It needs nothing of package testing, so that a test, another framework or a
// program can call it. A Go test that shows each check as a subtest:
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

// Check is one thing that every Store must do.
type Check struct {
	// Name says what, "uploads/a second writer is refused at once". It is unique,
	// and what stands before the slash is one of few subjects.
	Name string

	// Run checks one Store that it gets from newStore: see [TestStore]. It returns
	// nil, or all violations joined, each telling the method, the repository, what
	// was asked for, what came of it and the sentence that this breaks. It
	// ends soon after ctx is done, and if the Store hangs, after a minute.
	Run func(ctx context.Context, newStore func() (registry.Store, error)) error
}

// Checks returns all checks, in the order in which a new implementation had best
// be made to pass them. They are independent of each other and may run in
// parallel.
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

// TestStore checks an implementation of [registry.Store]. It returns nil, or
// all violations joined.
//
// Each check works on a Store of its own: newStore returns one that is empty,
// and is called in the goroutine that called TestStore. The Store must have room
// for 32 MiB in 64 blobs and upload sessions.
//
// A Store that hangs is reported after a minute and left behind, with the
// goroutines that wait for it. A panic in it is reported too.
//
// Typical usage inside a test is:
//
//	if err := storetest.TestStore(newStore); err != nil {
//		t.Fatal(err)
//	}
func TestStore(newStore func() (registry.Store, error)) error {
	must.NotNil("storetest: TestStore: newStore", newStore)
	var errs []error
	for _, check := range Checks() {
		errs = append(errs, check.Run(context.Background(), newStore))
	}
	return errors.Join(errs...)
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
