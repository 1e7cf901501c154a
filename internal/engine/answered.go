package engine

import (
	"bytes"
	"iter"
	"maps"
	"net/http"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/jsonedit"
)

// maxHeld is how many bytes of an error's body are held until the rules on answers have
// decided, which may depend on its error codes.
const maxHeld = 64 << 10

// answered applies the rules on answers to what the handler behind a stage answers. The
// one at the later stage sees what the registry answers, the one at the earlier stage what
// auth answers in its place.
type answered struct {
	choice choice
	rules  []*active
	passed bool // the request has come to the later stage
}

// behind returns the handler behind a stage, with the rules on answers that may apply.
func (c *choice) behind() http.Handler {
	if c.at == late {
		if before := c.engine.passage(c.state).answered; before != nil {
			before.passed = true
		}
	}
	var rules []*active
	for _, a := range c.plan.answers[c.info.Op] {
		if a.matches(c.info, c.exchange) {
			rules = append(rules, a)
		}
	}
	if len(rules) == 0 {
		return c.next
	}
	h := &answered{choice: *c, rules: rules}
	if c.at == early {
		c.engine.keep(c.state, func(p *passage) { p.answered = h })
	}
	return h
}

// ServeHTTP implements [http.Handler]. The handler behind runs as a coroutine: it
// continues when the effects ask for the next part of its answer.
func (h *answered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	next, stop := iter.Pull(func(yield func(*part) bool) {
		out := &outgoing{ResponseWriter: w, header: w.Header().Clone(), yield: yield}
		h.choice.next.ServeHTTP(out, r)
		out.WriteHeader(http.StatusOK) // unless it did
	})
	defer stop()
	a := &heldAnswer{next: next}
	a.hold()
	if h.passed && h.choice.at == early {
		a.ServeHTTP(w, r)
		return
	}
	h.choice.engine.apply(&h.choice, h.choose(a), w, a)
}

// choose asks the rules in turn, up to the first that chooses the answer and does not
// continue.
func (h *answered) choose(a *heldAnswer) (effects []effect.Chosen) {
	x := *h.choice.exchange()
	x.Learned = h.choice.state.Learned()
	x.Status, x.ResponseHeader = a.status, a.header
	if a.status >= http.StatusBadRequest {
		x.ResponseBody = a.body.Bytes()
		x.Codes = jsonedit.ErrorCodes(x.ResponseBody)
	}
	for i, rule := range h.rules {
		if !x.Matches(rule.answer...) {
			continue
		}
		s := rule.aim(h.choice.state, h.choice.r, h.choice.engine.store)
		if s == nil {
			continue
		}
		effects = append(effects, s.effects()...)
		if rule.rule.Flags.Continue {
			continue
		}
		for _, other := range h.rules[i+1:] {
			if x.Matches(other.answer...) {
				other.lose(rule.rule.Name)
			}
		}
		break
	}
	return effects
}

// part is a piece of an answer. Who takes it sets the result.
type part struct {
	status int         // of the first part
	header http.Header // of the first part
	body   []byte      // valid until the next part
	flush  bool

	n   int
	err error
}

// outgoing is the ResponseWriter of a handler whose answer is taken part by part.
type outgoing struct {
	http.ResponseWriter // for [http.ResponseController], and for statuses before the answer
	header              http.Header
	yield               func(*part) bool
	begun               bool
	unwanted            bool // nobody takes parts any more
}

// give passes a part on. Without anybody to take it, it is discarded.
func (w *outgoing) give(p *part) (n int, err error) {
	if w.unwanted = w.unwanted || !w.yield(p); w.unwanted {
		return len(p.body), nil
	}
	return p.n, p.err
}

// Header implements [http.ResponseWriter].
func (w *outgoing) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *outgoing) WriteHeader(status int) {
	switch {
	case w.begun:
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.ResponseWriter.WriteHeader(status)
	default:
		w.begun = true
		_, _ = w.give(&part{status: status, header: w.header.Clone()})
	}
}

// Write implements [http.ResponseWriter].
func (w *outgoing) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.give(&part{body: p})
}

// FlushError is what [http.ResponseController] calls.
func (w *outgoing) FlushError() error {
	w.WriteHeader(http.StatusOK)
	_, err := w.give(&part{flush: true})
	return err
}

// Unwrap lets [http.ResponseController] reach what is not about the answer.
func (w *outgoing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// heldAnswer is an answer of which the first parts are held. As a handler, it sends the whole.
type heldAnswer struct {
	status int
	header http.Header
	body   bytes.Buffer // of an error
	last   *part        // the part behind body that was taken already, if any
	next   func() (*part, bool)
}

// hold takes the header, and the body of an error up to its end, or to where it is
// flushed.
func (a *heldAnswer) hold() {
	first, ok := a.next()
	if !ok {
		return // the handler's panic goes on
	}
	a.status, a.header = first.status, first.header
	if a.status < http.StatusBadRequest {
		return
	}
	for a.body.Len() <= maxHeld {
		p, ok := a.next()
		if !ok {
			return
		}
		if p.flush {
			a.last = p
			return
		}
		p.n, _ = a.body.Write(p.body)
	}
}

// ServeHTTP sends the answer.
func (a *heldAnswer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	clear(header)
	maps.Copy(header, a.header)
	w.WriteHeader(a.status)
	if a.body.Len() > 0 {
		_, _ = w.Write(a.body.Bytes()) // the client has left
	}
	p, ok := a.last, true
	if p == nil {
		p, ok = a.next()
	}
	for ; ok; p, ok = a.next() {
		if p.flush {
			p.err = http.NewResponseController(w).Flush()
		} else {
			p.n, p.err = w.Write(p.body)
		}
	}
}
