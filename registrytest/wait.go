package registrytest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ocifake/ocifake/record"
)

// Eventually waits until there are n of the requests, or more, and asserts that it
// is not longer than the given time. A request is there as soon as it has begun,
// unless a filter wants to know its answer. It takes virtual time in a bubble of
// [testing/synctest].
func (a *Assertions) Eventually(n int, within time.Duration) bool {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var log record.Log
	// An error is that of the context: there are too few requests then.
	_ = a.reg.recorder.Wait(ctx, func(all record.Log) bool {
		log = all
		return log.Count(a.filters...) >= n
	})
	return a.checkIn(log, a.count(fmt.Sprintf("at least %s within %v", a.number(n), within), n, math.MaxInt))
}
