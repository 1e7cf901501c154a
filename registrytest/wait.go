package registrytest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ocifake/ocifake/record"
)

// Eventually waits until there are n of the requests or more, and asserts that this takes at
// most the given time. A request counts as soon as it has begun, unless a filter needs its
// answer. In a bubble of [testing/synctest] the time is virtual.
func (a *Assertions) Eventually(n int, within time.Duration) bool {
	a.t.Helper()
	a.begin()
	ctx, cancel := context.WithTimeout(contextOf(a.t), within)
	defer cancel()
	meant, all := a.of.wait(ctx, a.filters, func(meant record.Log) bool { return len(meant) >= n })
	return a.judgeIn(a.of, meant, all, a.count(fmt.Sprintf("at least %s within %v", a.number(n), within), n, math.MaxInt))
}
