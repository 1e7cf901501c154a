package exam

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ocifake/ocifake/faults"
)

// bubble runs the scenario in a bubble. It returns nil if virtual time stands still:
// a goroutine waits for a mutex, which stops the clock, and the holder of the mutex
// waits for the clock. Such a bubble cannot be ended and is abandoned.
func (s *sweep) bubble(t *testing.T, rule *faults.Rule) *report {
	t.Helper()
	r, complete := &report{}, false
	var name atomic.Value
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			// A bubble panics if its goroutines should have ended and have not.
			problem := recover()
			complete = complete || problem != nil
			if problem != nil && len(r.violations) == 0 {
				r.violate("Run leaves goroutines behind", "\n"+fmt.Sprint(problem)+stacksIn(name.Load().(string)))
			}
		}()
		synctest.Test(t, func(t *testing.T) {
			name.Store(bubblePattern.FindString(stacks(false)))
			r.runOn(t, s, rule)
		})
		complete = true
	}()
	before := ""
	for {
		select {
		case <-done:
			if !complete { // the bubble has failed the test
				t.FailNow()
			}
			return r
		case <-time.After(frozenAfter):
		}
		now, _ := name.Load().(string)
		now = frozen(now)
		if now != "" && now == before {
			return nil
		}
		before = now
	}
}

// frozenAfter is how long the goroutines of a bubble stay unchanged before it counts
// as standing still.
const frozenAfter = 500 * time.Millisecond

var (
	bubblePattern = regexp.MustCompile(`synctest bubble \d+\b`)
	statePattern  = regexp.MustCompile(`\[[^]]*\]:$`)
)

// frozen returns the stacks of the goroutines in a bubble, if none of them can
// continue and at least one waits for something other than time.
func frozen(bubble string) string {
	text, locked := stacksIn(bubble), false
	for stack := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		heading, _, _ := strings.Cut(stack, "\n")
		switch state := statePattern.FindString(heading); {
		case strings.Contains(state, "(durable)"):
		case strings.HasPrefix(state, "[sync."), strings.HasPrefix(state, "[chan "), strings.HasPrefix(state, "[select"):
			locked = true
		default:
			return ""
		}
	}
	if !locked {
		return ""
	}
	return text
}

// stacksIn returns the stacks of the goroutines in a bubble.
func stacksIn(bubble string) string {
	var text strings.Builder
	for stack := range strings.SplitSeq(stacks(true), "\n\n") {
		heading, _, _ := strings.Cut(stack, "\n")
		if bubblePattern.FindString(heading) == bubble && bubble != "" && !strings.Contains(heading, "synctest.Run") {
			text.WriteString("\n\n" + stack)
		}
	}
	return text.String()
}

// stacks returns the stack of this goroutine or of all.
func stacks(all bool) string {
	for size := 64 << 10; ; size *= 4 {
		text := make([]byte, size)
		if n := runtime.Stack(text, all); n < size {
			return string(text[:n])
		}
	}
}
