package faults

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/record"
)

// Check returns an error if the rule cannot be used in any engine.
func (r Rule) Check() error {
	w := r.When
	switch {
	case len(r.Effects) == 0 && len(r.Steps) == 0:
		return errors.New("it does nothing: give it effects with Do or Seq")
	case len(r.Effects) > 0 && len(r.Steps) > 0:
		return errors.New("it has both effects and steps: choose Do or Seq")
	case len(r.Steps) > 0 && w.Times != 0:
		return errors.New("times does not go with a sequence, which is over after its last step")
	case w.After < 0:
		return errors.New("after must not be negative")
	case w.Every < 0 || w.Times < 0 || w.For < 0:
		return errors.New("every, times and for must be more than 0; leave them out for no bound")
	case !(w.Probability >= 0 && w.Probability <= 1):
		return errors.New("probability must be more than 0 and at most 1; leave it out for all requests")
	case r.Connect && len(r.Filters) > 0:
		return errors.New("a rule on connections has no filters: there is no request yet")
	case r.Connect && r.Flags.BeforeAuth:
		return errors.New("a rule on connections is always before auth")
	}
	if filter.Allowed(r.Filters) == 0 {
		return errors.New("its filters together match no request")
	}
	if filter.Allowed(w.Until) == 0 {
		return errors.New("the filters of until together match no request")
	}
	for _, b := range r.behaviours() {
		if err := effect.Check(b, r.Connect); err != nil {
			return err
		}
	}
	if err := r.checkStages(); err != nil {
		return err
	}
	return r.checkActing()
}

// checkStages refuses filters that cannot be judged in time, and effects that act before
// the filters are judged.
func (r Rule) checkStages() error {
	for _, f := range r.Filters {
		if f.Stage() == record.OnEnd {
			return fmt.Errorf("filter %s is about an exchange that has ended, which is too late for a rule: use filters on the request, or status, code and subject", f)
		}
	}
	for _, f := range r.When.Until {
		if f.Stage() > record.OnRequest {
			return fmt.Errorf("until: filter %s is on the answer, and a rule ends when a request begins: use filters on the request", f)
		}
	}
	f, ok := r.onAnswer()
	if !ok {
		return nil
	}
	if r.Flags.BeforeAuth {
		return fmt.Errorf("filter %s is on the answer, and those of auth are among them anyway: leave out beforeAuth", f)
	}
	for _, b := range r.behaviours() {
		if err := effect.CheckOnAnswer(b); err != nil {
			return fmt.Errorf("filter %s is on the answer: %w", f, err)
		}
	}
	return nil
}

// checkActing refuses effects that can never act.
func (r Rule) checkActing() error {
	if err := effect.CheckReach(Behaviours(r.Effects), r.Connect); err != nil {
		return err
	}
	for _, b := range Behaviours(r.Steps) {
		if err := effect.CheckReach([]effect.Behaviour{b}, r.Connect); err != nil {
			return err
		}
	}
	allowed := filter.Allowed(r.Filters)
	for _, b := range r.behaviours() {
		if err := effect.CheckOperations(b, allowed); err != nil {
			return err
		}
	}
	return nil
}

// behaviours returns what all effects and steps do.
func (r Rule) behaviours() []effect.Behaviour {
	return Behaviours(slices.Concat(r.Effects, r.Steps))
}

// onAnswer returns the first filter on answers, if there is one: then the rule is one on
// answers.
func (r Rule) onAnswer() (f record.Filter, ok bool) {
	i := slices.IndexFunc(r.Filters, func(f record.Filter) bool { return f.Stage() == record.OnAnswer })
	if i < 0 {
		return f, false
	}
	return r.Filters[i], true
}
