package exam

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/op"
)

// runner runs a client and limits its time and its requests.
type runner struct {
	parent  context.Context // nil: none
	planned map[string]int  // requests of each kind in the run without a fault; nil for that run itself
	within  time.Duration
	watch   *watch

	mu     sync.Mutex // guards the fields below
	cancel context.CancelCauseFunc
	burst  int       // requests since the last pause
	last   time.Time // of the latest request
	tries  map[string]int
	end    ending
}

// ending is how a client ended.
type ending struct {
	err      error  // returned by Run
	ended    bool   // Run returned, at the latest when its context ended
	timedOut bool   // Run continued until its time was over
	panicked string // the value and the stack
	storm    bool   // too many requests without a pause
	burst    int    // that many are allowed
	forever  string // a request that the client repeats without end
}

// grace is the time in which a client must return after its context ended.
const grace = time.Minute

// pause is the shortest time between two requests that ends a burst.
const pause = 10 * time.Millisecond

// baseBurst is the number of requests without a pause, in addition to ten times those of
// the run without a fault that are allowed: some tries
// that each follow ten redirects.
const baseBurst = 200

// maxTries is the number of requests of one kind, in addition to ten times those of the
// run without a fault, at which a client counts as one that never stops.
const maxTries = 300

// largestBurst returns the largest burst that is allowed.
func (c *runner) largestBurst() int {
	if c.planned == nil {
		return 100_000
	}
	n := baseBurst
	for _, times := range c.planned {
		n += 10 * times
	}
	return n
}

var (
	errWithin  = errors.New("exam: the time limit is over")
	errStorm   = errors.New("exam: too many requests without a pause")
	errForever = errors.New("exam: too many tries")
	errQuiet   = errors.New("exam: nothing happened on the wire for too long")
)

// run runs a client until it returns, or does not return after its context ended. The
// caller calls cancel afterwards.
func (c *runner) run(run func(context.Context, *Trial) error, trial *Trial) ending {
	if c.parent == nil {
		c.parent = context.Background()
	}
	ctx, cancel := context.WithCancelCause(c.parent)
	c.cancel, c.tries, c.end.burst = cancel, map[string]int{}, c.largestBurst()
	trial.Faults().Intercept(c.intercept)
	done := make(chan ending, 1)
	go pprof.Do(ctx, pprof.Labels(c.watch.labels()), func(ctx context.Context) { guard(ctx, run, trial, done) })
	end, ended := await(done, c.within)
	timedOut := false
	if !ended {
		timedOut = ctx.Err() == nil
		cancel(errWithin)
		end, ended = await(done, grace)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end.err, c.end.panicked, c.end.ended, c.end.timedOut = end.err, end.panicked, ended, timedOut
	return c.end
}

// intercept counts a request. It does not answer a client that has sent too many.
func (c *runner) intercept(_ http.ResponseWriter, r *http.Request, info *op.Info) (handled bool) {
	if !c.counts(time.Now(), engine.Point(info)) {
		return false
	}
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// counts counts a request and reports whether it is one too many.
func (c *runner) counts(now time.Time, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.last) >= pause {
		c.burst = 0
	}
	c.last = now
	c.burst++
	c.tries[name]++
	endless := c.planned != nil && c.tries[name] > maxTries+10*c.planned[name]
	switch {
	case c.burst > c.end.burst, endless && c.burst >= c.tries[name]:
		c.end.storm = true
		c.end.burst = min(c.end.burst, c.burst-1)
		c.cancel(errStorm)
	case endless:
		c.end.forever = name
		c.cancel(errForever)
	case c.watch.overdue.Load():
		c.cancel(errQuiet)
		return true
	}
	return c.end.storm || c.end.forever != ""
}

// guard calls Run and reports how it ended, even if it panics or ends its goroutine.
func guard(ctx context.Context, run func(context.Context, *Trial) error, trial *Trial, done chan<- ending) {
	end := ending{panicked: "Run ends its goroutine, as t.FailNow does: return an error instead"}
	defer func() {
		if value := recover(); value != nil {
			end.panicked = fmt.Sprintf("in Run\n%v\n%s", value, debug.Stack())
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
