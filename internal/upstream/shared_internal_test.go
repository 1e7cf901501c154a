package upstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func never() bool { return false }

// Those who wait for the work of another share its failure, and leave when their contexts end.
func TestSharedFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shared
		var calls atomic.Int32
		failure, release := errors.New("down"), make(chan bool)
		work := func() error { calls.Add(1); <-release; return failure }
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { assert.Equal(t, failure, s.do(t.Context(), never, work)) })
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- s.do(ctx, never, work) }()
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, <-left, context.Canceled, "it does not wait for the work")
		close(release)
		all.Wait()
		assert.EqualValues(t, 1, calls.Load())
	})
}

// The failure of a caller that left is not that of those who wait.
func TestSharedLeaver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shared
		var done atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- s.do(ctx, done.Load, func() error { <-ctx.Done(); return ctx.Err() }) }()
		synctest.Wait()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				assert.NoError(t, s.do(t.Context(), done.Load, func() error {
					assert.False(t, done.Swap(true), "one does the work")
					return nil
				}))
			})
		}
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, <-left, context.Canceled)
		all.Wait()
	})
}
