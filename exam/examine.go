package exam

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/must"
)

// Examine is [Run] without a test, for clients that are a [Command]: in real time, with the
// registries on loopback ports. Trials that wait overlap, and those that use CPU time do not,
// beyond twice the number of processors. A trial that seems to hang is run once more after the
// others.
//
// The error is not nil if an action fails when nothing is wrong, or if ctx ends; then the
// scorecard has the trials that have ended.
func Examine(ctx context.Context, client Client, opts ...Option) (*Scorecard, error) {
	must.NotNil("exam: Examine: ctx", ctx)
	begun := time.Now()
	client.Loopback, client.Timeout = true, cmp.Or(client.Timeout, withinCommand)
	e, err := newExam(client, opts)
	if err != nil {
		return nil, fmt.Errorf("exam: %w", err)
	}
	e.parent = ctx
	e.slots, e.idle = newSlots(), e.within // the plain run may take its time
	longest := time.Duration(0)
	err = e.learn(func(attempts []*attempt) []*report {
		reports := make([]*report, len(attempts))
		for i, a := range attempts {
			if ctx.Err() == nil {
				reports[i] = a.now()
			} else {
				reports[i] = &report{failed: ctx.Err()}
			}
			longest = max(longest, reports[i].took)
		}
		return reports
	})
	e.idle = max(10*longest, e.minIdle)
	var trials []*trial
	if err == nil {
		trials, err = e.plan()
	}
	if err == nil {
		e.runAll(ctx, trials)
		err = ctx.Err()
	}
	card := e.card()
	card.Duration = time.Since(begun)
	if err != nil {
		err = fmt.Errorf("exam: %w", err)
	}
	return card, err
}

// withinCommand is the time limit of a command. It is longer than what a registry may make a
// client wait.
const withinCommand = 2 * time.Minute

// runAll runs trials in real time, and those that hang once more.
func (e *exam) runAll(ctx context.Context, trials []*trial) {
	var mu sync.Mutex
	var suspects []*trial
	e.side(ctx, trials, func(x *trial, r *report) {
		mu.Lock()
		defer mu.Unlock()
		if r.idle != "" {
			suspects = append(suspects, x)
			return
		}
		e.put(x.judge(r))
	})
	slices.SortFunc(suspects, func(a, b *trial) int { return slices.Index(trials, a) - slices.Index(trials, b) })
	e.slots.limit = 1 // what computes is alone
	e.side(ctx, suspects, func(x *trial, r *report) { e.put(x.judge(r)) })
}

// side runs trials side by side.
func (e *exam) side(ctx context.Context, trials []*trial, done func(*trial, *report)) {
	var all sync.WaitGroup
	for _, x := range trials {
		if x.skip != "" {
			e.put(x.skipped())
			continue
		}
		if e.unended.Load() >= maxUnended {
			e.put(x.notRun())
			continue
		}
		slot := e.slots.acquire(ctx)
		if slot == nil {
			break
		}
		all.Go(func() {
			defer slot.release()
			x.slot = slot
			r := x.now()
			if !r.ended && r.idle == "" {
				e.unended.Add(1)
			}
			if ctx.Err() == nil {
				done(x, r)
			}
		})
	}
	all.Wait()
}

// now runs an attempt in real time.
func (a *attempt) now() *report {
	r := &report{}
	r.run(a, a.of.real(), a.of.base.Clone(), &watch{})
	return r
}

// slots admit trials: those that use CPU time up to a limit, and those that wait up to a
// larger one.
type slots struct {
	mu               sync.Mutex
	changed          *sync.Cond
	running, waiting int
	limit, most      int
}

// maxRunning bounds the number of trials that run side by side.
const maxRunning = 64

func newSlots() *slots {
	s := &slots{limit: 2 * runtime.GOMAXPROCS(0), most: maxRunning}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// acquire waits until a trial may begin, or until ctx ends: then it returns nil.
func (s *slots) acquire(ctx context.Context) *slot {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil && (s.running-s.waiting >= s.limit || s.running >= s.most) {
		s.changed.Wait()
	}
	if ctx.Err() != nil {
		return nil
	}
	s.running++
	return &slot{slots: s}
}

// slot is that of one trial. A nil slot is that of a trial that runs by itself.
type slot struct {
	*slots
	waits bool
}

// setWaiting sets whether the trial waits.
func (s *slot) setWaiting(waits bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if waits == s.waits {
		return
	}
	s.waits = waits
	if waits {
		s.waiting++
	} else {
		s.waiting--
	}
	s.changed.Broadcast()
}

func (s *slot) release() {
	s.setWaiting(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.changed.Broadcast()
}
