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

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/registry"
)

// patience is how long a check waits for a call to begin or return before it
// reports those that run as hanging; grace is the time that they then have to
// give up.
const (
	patience = 10 * time.Second
	grace    = 5 * time.Second
)

// Check is a requirement that every Store must meet.
type Check struct {
	// Name is unique and has the form subject/requirement: "uploads/a second writer is
	// refused at once".
	Name string

	// Run checks two Stores that newStore returns, one with sha256 digests and, if that
	// meets the requirement, one with sha512 digests. They must be empty and have room for
	// 32 MiB, 1100 blobs, manifests and repositories, and 128 upload sessions. Run calls
	// newStore in its own goroutine.
	//
	// It returns nil, or all violations joined. A violation names the method, the
	// repository, the arguments, the result and the sentence that it violates; a panic of
	// the Store is one too. Run returns soon after ctx is done. If no call of the Store
	// has begun or returned for 10 seconds, Run reports those that hang, and leaves the
	// Store and the goroutines that wait for it behind.
	Run func(ctx context.Context, newStore func() (registry.Store, error)) error
}

// Checks returns all checks, in the order in which a new implementation should be made
// to pass them. They are independent of each other and may run in parallel.
func Checks() []Check {
	all := slices.Concat(
		blobChecks(), uploadChecks(), manifestChecks(), repositoryChecks(), listChecks(), ownershipChecks(), sequenceChecks(),
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

// run runs the check on a Store for each algorithm of digests, until one fails.
func (c check) run(ctx context.Context, newStore func() (registry.Store, error)) (err error) {
	must.NotNil("storetest: Check.Run: ctx", ctx)
	must.NotNil("storetest: Check.Run: newStore", newStore)
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		if err == nil {
			err = c.runWith(ctx, newStore, algorithm)
		}
	}
	return err
}

func (c check) runWith(ctx context.Context, newStore func() (registry.Store, error), algorithm digest.Algorithm) error {
	store, err := newStore()
	if err != nil {
		return fmt.Errorf("storetest: %s: newStore: %w", c.name, err)
	}
	over, end := context.WithCancelCause(ctx)
	defer end(nil)
	p := &progress{check: c.name, over: over, end: end, advanced: time.Now()}
	t := &tester{ctx: over, store: store, algorithm: algorithm, digests: &digests{all: map[digestKey]digest.Digest{}}, progress: p}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		t.run(c.test)
	}()
	p.watch()
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
