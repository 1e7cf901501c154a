package faults

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/record"
)

// check tells why a rule cannot be added to a plan.
func (e *Engine) check(rule Rule, p *plan) error {
	if p.has(rule.Name) {
		return errors.New("there is a rule with this name already")
	}
	if err := rule.Check(); err != nil {
		return err
	}
	if rule.Connect && !e.boundTo().Connections {
		return errors.New("it acts on connections, which a handler in another server's mux does not have: use registrytest.New or ocifake serve")
	}
	for _, effect := range slices.Concat(rule.Effects, rule.Steps) {
		if err := e.can(effect); err != nil {
			return err
		}
	}
	return nil
}

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
	if opset.Allowed(r.Filters) == 0 {
		return errors.New("its filters together match no request")
	}
	if opset.Allowed(w.Until) == 0 {
		return errors.New("the filters of until together match no request")
	}
	for _, effect := range slices.Concat(r.Effects, r.Steps) {
		if err := r.checkEffect(effect); err != nil {
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
	for _, effect := range slices.Concat(r.Effects, r.Steps) {
		if err := actsOnAnswers(effect); err != nil {
			return fmt.Errorf("filter %s is on the answer: %w", f, err)
		}
	}
	return nil
}

// checkActing refuses effects that can never act.
func (r Rule) checkActing() error {
	if err := r.checkReach(r.Effects); err != nil {
		return err
	}
	for _, step := range r.Steps {
		if err := r.checkReach([]Effect{step}); err != nil {
			return err
		}
	}
	allowed := opset.Allowed(r.Filters)
	for _, effect := range slices.Concat(r.Effects, r.Steps) {
		if err := checkOperations(allowed, effect); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) checkEffect(effect Effect) error {
	if must.IsNil(effect) {
		return errors.New("one of its effects is nil")
	}
	if group, ok := effect.(all); ok {
		if len(group.effects) == 0 {
			return errors.New("all: no effects")
		}
		for _, e := range group.effects {
			if err := r.checkEffect(e); err != nil {
				return err
			}
		}
	}
	if _, ok := effect.(connectEffect); r.Connect && !ok {
		return fmt.Errorf("%s acts on requests: use it with On, not OnConnect", effect.kind())
	}
	if _, ok := effect.(requestEffect); !r.Connect && !ok {
		return fmt.Errorf("%s acts on connections: use it with OnConnect", effect.kind())
	}
	if c, ok := effect.(checkedEffect); ok {
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", effect.kind(), err)
		}
	}
	return nil
}

// needOf returns what an effect needs.
func needOf(effect Effect) need {
	if group, ok := effect.(all); ok {
		var n need
		for _, e := range group.effects {
			n |= needOf(e)
		}
		return n
	}
	if s, ok := effect.(siteEffect); ok {
		return s.needs()
	}
	return 0
}

// can tells why an effect cannot act where the engine is. It starts what has to
// be there.
func (e *Engine) can(effect Effect) error {
	n, site := needOf(effect), e.boundTo()
	switch {
	case n&needConn != 0 && !site.Connections:
		return fmt.Errorf("%s acts on the connection, which a handler in another server's mux does not have: use registrytest.New or ocifake serve", effect.kind())
	case n&needTLS != 0 && !site.TLS:
		return fmt.Errorf("%s is about the TLS handshake, and the registry speaks plain HTTP: use registrytest.WithTLS or ocifake serve --tls", effect.kind())
	case n&needStore != 0 && e.store == nil:
		return fmt.Errorf("%s acts on content: give the Store to faults.New, and Engine.Store to the registry", effect.kind())
	case n&needDead != 0 && site.Dead == "":
		return fmt.Errorf("%s needs a host that refuses connections, which this server does not know", effect.kind())
	case n&needTokens != 0 && site.Tokens == nil:
		return fmt.Errorf("%s is about tokens, and the registry has no auth: give it one, with registrytest.WithAuth or ocifake serve --token-auth", effect.kind())
	case n&needExternal == 0:
		return nil
	case site.External == nil:
		return fmt.Errorf("%s needs a second origin, which a handler in another server's mux does not have: use registrytest.New or ocifake serve", effect.kind())
	}
	if _, err := site.External(); err != nil {
		return fmt.Errorf("%s needs a second origin: %w", effect.kind(), err)
	}
	return nil
}
