package exam

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// turns makes the faults of a trial meet the same requests in each run, although clients send
// requests in parallel. Until the faults are over, each request that they concern waits until
// the client has done all that it can do without an answer. Then the first of those that wait is
// served, in an order that does not depend on when they came.
type turns struct {
	trial *Trial
	mode  mode
	rules []faults.Injected
	first []faults.Injected // the rules that make requests wait

	mu      sync.Mutex // guards what follows
	waiting []*turn
	served  int // requests that are being served
	serving bool
	met     bool // the faults are over, and the client has had the answers
	over    bool // the trial has ended
	all     sync.WaitGroup
}

// turn is that of one request.
type turn struct {
	chosen bool // by a rule that acts before authentication, and has counted it
	point  string
	size   int64 // of the body, or -1
	came   time.Time
	now    chan struct{} // closed when it is its turn
}

// arrange injects rules into the registry of a trial, and arranges the requests that they
// concern in turns.
func arrange(trial *Trial, in mode, rules []faults.Rule) (*turns, error) {
	t := &turns{trial: trial, mode: in}
	if len(rules) == 0 {
		return t, nil
	}
	beside := func(filters []record.Filter, serve func(http.ResponseWriter, *http.Request, http.Handler) bool) faults.Rule {
		return faults.Rule{Filters: filters, Effects: []faults.Effect{faults.Func("turns", serve)}}.Continue().Optional().BeforeAuth()
	}
	added, known := []faults.Rule{beside(nil, t.count)}, map[string]bool{}
	for _, rule := range rules {
		filters := slices.DeleteFunc(slices.Clone(rule.Filters), func(f record.Filter) bool { return f.Stage() != record.OnRequest })
		if text := fmt.Sprint(filters); !rule.Connect && !known[text] { // a request waits once
			known[text] = true
			added = append(added, beside(filters, t.take))
		}
	}
	all, err := trial.Faults().Inject(slices.Concat(added, rules)...)
	if err != nil {
		return nil, err
	}
	t.first, t.rules = all[:len(added)], all[len(added):]
	return t, nil
}

// end removes the rules, serves all requests that wait, and returns how often the rules fired.
func (t *turns) end() (hits int) {
	t.mu.Lock()
	t.over = true
	for _, w := range t.waiting {
		close(w.now)
	}
	t.waiting = nil
	t.mu.Unlock()
	t.all.Wait()
	for _, rule := range t.rules {
		hits += rule.Hits()
		rule.Remove()
	}
	for _, rule := range t.first {
		rule.Remove()
	}
	return hits
}

// count counts the requests that are being served.
func (t *turns) count(w http.ResponseWriter, r *http.Request, next http.Handler) (acted bool) {
	t.add(1)
	defer t.add(-1)
	next.ServeHTTP(w, r)
	return false
}

func (t *turns) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.served += n
}

// take serves a request when it is its turn.
func (t *turns) take(w http.ResponseWriter, r *http.Request, next http.Handler) (acted bool) {
	if mine := t.wait(inflight.Of(r.Context()).Info(), r); mine != nil {
		select {
		case <-mine.now:
		case <-r.Context().Done():
			t.leave(mine)
		}
		t.add(1)
	}
	next.ServeHTTP(w, r)
	return false
}

// wait returns the turn of a request, or nil if it need not wait.
func (t *turns) wait(info *op.Info, r *http.Request) *turn {
	fired := t.fired()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.met {
		return nil
	}
	mine := &turn{chosen: fired && len(t.waiting) == 0, point: engine.Point(info), size: r.ContentLength, came: time.Now(), now: make(chan struct{})}
	t.waiting = append(t.waiting, mine)
	t.served--
	if !t.serving {
		t.serving = true
		t.all.Go(t.serve)
	}
	return mine
}

// leave removes a turn, because the client has left.
func (t *turns) leave(mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, func(w *turn) bool { return w == mine })
}

// fired reports whether the faults are over, or have acted, if they have no limit.
func (t *turns) fired() bool {
	return !slices.ContainsFunc(t.rules, func(rule faults.Injected) bool {
		state := rule.State()
		return !state.Over && !state.Rule.Connect && (state.Rule.When.Times > 0 || state.Hits == 0)
	})
}

// serve serves the requests that wait, one after the other.
func (t *turns) serve() {
	for served := 0; ; served++ {
		t.settle()
		met := served > 0 && t.fired()
		t.mu.Lock()
		t.met = t.met || met
		if len(t.waiting) == 0 {
			t.serving = false
			t.mu.Unlock()
			return
		}
		next := slices.MinFunc(t.waiting, (*turn).compare)
		t.waiting = slices.DeleteFunc(t.waiting, func(w *turn) bool { return w == next })
		close(next.now)
		t.mu.Unlock()
	}
}

// compare orders requests that wait.
func (w *turn) compare(other *turn) int {
	switch {
	case w.chosen:
		return -1
	case other.chosen:
		return 1
	}
	return cmp.Or(cmp.Compare(w.point, other.point), cmp.Compare(w.size, other.size), w.came.Compare(other.came))
}

const (
	lookTime   = 8 * time.Millisecond // between two looks at a client
	looks      = 3                    // at which it did nothing, if the registry answers nothing
	busyLooks  = 12                   // the same, if the registry still answers
	settleTime = time.Second          // after which the next request is served in any case
)

// settle returns when the client waits for answers: its processes sleep, and nothing was sent or
// received for some time. On other systems than Linux the time alone decides.
func (t *turns) settle() {
	if !t.mode.loopback {
		time.Sleep(time.Millisecond) // until all goroutines of the bubble are blocked
		return
	}
	t.trial.slot.setWaiting(true)
	defer t.trial.slot.setWaiting(false)
	wire, still := int64(-1), 0
	for begun := time.Now(); time.Since(begun) < settleTime; time.Sleep(lookTime) {
		now := t.trial.watch.wire()
		t.mu.Lock()
		served, over := t.served, t.over
		t.mu.Unlock()
		switch {
		case over:
			return
		case now != wire || runs(int(t.trial.process.Load())):
			wire, still = now, 0
			continue
		}
		if still++; still >= busyLooks || still >= looks && served <= 0 {
			return
		}
	}
}
