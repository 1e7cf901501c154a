package exam

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ocifake/ocifake/op"
)

// runner runs a client and limits its time and its requests without a pause.
type runner struct {
	limit  int
	within time.Duration

	mu     sync.Mutex // guards the fields below
	cancel context.CancelCauseFunc
	burst  int       // requests since the last pause
	last   time.Time // of the latest request
	storm  bool
}

// grace is the time in which a client must return after its context ended.
const grace = time.Minute

// pause is the shortest time between two requests that ends a burst.
const pause = 10 * time.Millisecond

// stormOf returns the largest burst that is allowed, given the number of requests in
// the run without a fault. For that run itself the number is 0.
func stormOf(requests int) int {
	if requests == 0 {
		return 100_000
	}
	return 50 + 10*requests
}

var (
	errWithin = errors.New("exam: the time limit is over")
	errStorm  = errors.New("exam: too many requests without a pause")
)

// run runs a client and reports whether it returned, at the latest when its context
// ended.
func (c *runner) run(run func(context.Context, *Trial) error, trial *Trial, r *report) bool {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c.cancel = cancel
	trial.Faults().Intercept(c.intercept)
	done := make(chan ending, 1)
	go guard(ctx, run, trial, done)
	end, ended := await(done, c.within)
	if !ended {
		r.timedOut = ctx.Err() == nil
		cancel(errWithin)
		end, ended = await(done, grace)
	}
	r.err = end.err
	switch {
	case !ended:
		r.violate("Run does not return", fmt.Sprintf("not even %v after its context ended", grace))
	case end.panicked != "":
		r.violate("Run panics", "\n"+end.panicked)
	}
	if c.stormed() {
		r.violate("the client sends too many requests without a pause", fmt.Sprintf("more than %d", c.limit))
	}
	return ended
}

// intercept counts a request. In a storm it does not answer.
func (c *runner) intercept(_ http.ResponseWriter, r *http.Request, _ *op.Info) (handled bool) {
	if !c.counts(time.Now()) {
		return false
	}
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// counts counts a request and reports whether there is a storm.
func (c *runner) counts(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.last) >= pause {
		c.burst = 0
	}
	c.last = now
	if c.burst++; c.burst > c.limit {
		c.storm = true
		c.cancel(errStorm)
	}
	return c.storm
}

func (c *runner) stormed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.storm
}

// ending is how Run ended.
type ending struct {
	err      error
	panicked string // the value and the stack
}

// guard calls Run and reports how it ended, even if it panics or ends its goroutine.
func guard(ctx context.Context, run func(context.Context, *Trial) error, trial *Trial, done chan<- ending) {
	end := ending{panicked: "or ends its goroutine, as t.FailNow does: return an error instead"}
	defer func() {
		if value := recover(); value != nil {
			end.panicked = fmt.Sprintf("%v\n%s", value, debug.Stack())
		}
		done <- end
	}()
	err := run(ctx, trial)
	end = ending{err: err}
}

// await waits for the end, at most for a duration.
func await(done <-chan ending, d time.Duration) (end ending, ended bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case end = <-done:
		return end, true
	case <-timer.C:
		return end, false
	}
}
