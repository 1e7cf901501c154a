package registrytest

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

// runner runs a client within bounds: of time, and of requests without a pause.
type runner struct {
	limit  int
	within time.Duration

	mu     sync.Mutex // guards what follows
	cancel context.CancelCauseFunc
	row    int       // requests without a pause
	last   time.Time // when the latest came
	storm  bool
}

// grace is how long a client may take to return once its context has ended.
const grace = time.Minute

// pause is what parts one row of requests from the next.
const pause = 10 * time.Millisecond

// stormOf is how many requests without a pause are no storm yet, if a run without a
// fault made so many in all; 0 is that run itself.
func stormOf(requests int) int {
	if requests == 0 {
		return 100_000
	}
	return 50 + 10*requests
}

var (
	errWithin = errors.New("registrytest: sweep: the time is over")
	errStorm  = errors.New("registrytest: sweep: too many requests without a pause")
)

// run runs a client and tells whether it has ended. It has to, when its context
// does.
func (c *runner) run(run func(context.Context, *Trial) error, trial *Trial, r *trialReport) bool {
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
		r.violate("it does not return", fmt.Sprintf("not even %v after its context ended", grace))
	case end.panicked != "":
		r.violate("it panics", "\n"+end.panicked)
	}
	if c.stormed() {
		r.violate("it makes a storm of requests", fmt.Sprintf("more than %d without a pause", c.limit))
	}
	return ended
}

// intercept counts a request. Those beyond a storm are not answered.
func (c *runner) intercept(_ http.ResponseWriter, r *http.Request, _ *op.Info) (handled bool) {
	if !c.counts(time.Now()) {
		return false
	}
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// counts counts a request and tells whether there is a storm.
func (c *runner) counts(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.last) >= pause {
		c.row = 0
	}
	c.last = now
	if c.row++; c.row > c.limit {
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

// ending is how a client ended.
type ending struct {
	err      error
	panicked string // with what, and where
}

// guard runs a client and says how it ended, whatever it does.
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

// await waits so long for the end.
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
