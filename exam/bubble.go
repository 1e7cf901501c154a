package exam

import (
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// batchSize is the number of attempts that share a bubble and its clock. A test has one
// bubble at a time, so that it leaves at most one behind.
const batchSize = 8

// bubble runs attempts at the same time in one bubble, and returns their reports. A report
// is nil if its run has not ended, because virtual time stood still: a goroutine waits
// for a mutex, which stops the clock, and the holder of the mutex waits for the clock.
// Nothing from outside can wake a goroutine of a bubble, so such a bubble is abandoned.
func bubble(t *testing.T, attempts []*attempt) []*report {
	t.Helper()
	b := &batch{reports: make([]*report, len(attempts))}
	done := make(chan struct{})
	complete := false
	go func() {
		defer close(done)
		defer func() {
			// A bubble panics if its goroutines should have ended and have not.
			if b.problem = recover(); b.problem != nil {
				complete = true
			}
		}()
		synctest.Test(t, func(t *testing.T) { b.run(t, attempts) })
		complete = true
	}()
	b.watch.wait(done, attempts[0].of.quiet)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.abandoned = true
	select {
	case <-done:
	default:
		return b.reports
	}
	switch {
	case !complete: // the bubble has failed the test
		t.FailNow()
	case b.problem == nil:
	case slices.Contains(b.reports, nil): // Setup panics
		panic(b.problem)
	case len(attempts) == 1:
		b.reports[0].remaining = fmt.Sprintf("they remain when the trial has ended\n%v%s", b.problem, b.watch.stacks())
	default: // run each alone, to see which it was
		for i := range attempts {
			b.reports[i] = bubble(t, attempts[i:i+1])[0]
		}
	}
	return b.reports
}

// batch is the attempts in a bubble.
type batch struct {
	watch   watch
	problem any

	mu        sync.Mutex // guards the fields below
	reports   []*report
	abandoned bool // the reports belong to the caller
}

// run runs the attempts. It is the test of the bubble.
func (b *batch) run(t *testing.T, attempts []*attempt) {
	stores := make([]registry.Store, len(attempts))
	for i, a := range attempts {
		stores[i] = a.of.filled(t)
	}
	var all sync.WaitGroup
	for i, a := range attempts {
		all.Go(func() {
			r := &report{}
			r.run(a, a.of.virtual(), stores[i], &b.watch)
			b.mu.Lock()
			defer b.mu.Unlock()
			if !b.abandoned {
				b.reports[i] = r
			}
		})
	}
	all.Wait()
}

// watch looks at a bubble in real time from outside.
type watch struct {
	overdue atomic.Bool // nothing happened for too long: runs end at their next request

	mu         sync.Mutex
	registries []*registrytest.Registry
}

func (w *watch) add(reg *registrytest.Registry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.registries = append(w.registries, reg)
}

// wire returns a number that grows with each event on the wire.
func (w *watch) wire() (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, reg := range w.registries {
		for _, c := range reg.Connections() {
			n += c.In + c.Out + 1
		}
	}
	return n
}

// wait returns when the bubble has ended, or when no event came for twice the limit.
// After the limit it ends the runs that can be ended.
func (w *watch) wait(done <-chan struct{}, limit time.Duration) {
	const looks = 4 // in the time of the limit
	timer := time.NewTimer(limit / looks)
	defer timer.Stop()
	before, quiet := int64(-1), 0
	for {
		select {
		case <-done:
			return
		case <-timer.C:
			timer.Reset(limit / looks)
		}
		now := w.wire()
		if now != before {
			before, quiet = now, 0
			continue
		}
		switch quiet++; quiet {
		case looks:
			w.overdue.Store(true)
		case 2 * looks:
			return
		}
	}
}

// labels are the profiler labels of the goroutines that Run starts.
func (w *watch) labels() (key, value string) { return "exam", fmt.Sprintf("%p", w) }

// stacks returns the stacks of the goroutines that Run started and that remain, as the
// profiler shows them. They are for messages only.
func (w *watch) stacks() string {
	var profile, text strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return ""
	}
	key, value := w.labels()
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("# labels: {%q:%q}", key, value)) {
			text.WriteString("\n\n" + stack)
		}
	}
	return text.String()
}
