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
	a.begin()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	meant, all := a.of.wait(ctx, a.filters, func(meant record.Log) bool { return len(meant) >= n })
	return a.judgeIn(a.of, meant, all, a.count(fmt.Sprintf("at least %s within %v", a.number(n), within), n, math.MaxInt))
}
