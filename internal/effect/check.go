package effect

import (
	"errors"
	"fmt"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Check returns an error if an effect is nil, has wrong arguments, or does not act on what
// the rule is on: requests, or connections.
func Check(b Behaviour, connect bool) error {
	if must.IsNil(b) {
		return errors.New("one of its effects is nil")
	}
	if group, ok := b.(All); ok {
		if len(group) == 0 {
			return errors.New("all: no effects")
		}
		for _, b := range group {
			if err := Check(b, connect); err != nil {
				return err
			}
		}
	}
	if _, ok := b.(connectEffect); connect && !ok {
		return fmt.Errorf("%s acts on requests: use it with On, not OnConnect", b.Kind())
	}
	if _, ok := b.(requestEffect); !connect && !ok {
		return fmt.Errorf("%s acts on connections: use it with OnConnect", b.Kind())
	}
	if c, ok := b.(checkedEffect); ok {
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", b.Kind(), err)
		}
	}
	return nil
}

// CheckReach returns an error if one of the effects, which act together, can never act
// because another one answers or ends the connection before.
func CheckReach(effects []Behaviour, connect bool) error {
	var ending Behaviour
	for _, b := range effects {
		if group, ok := b.(All); ok {
			if err := CheckReach(group, connect); err != nil {
				return err
			}
		}
		_, passes := b.(Pass)
		switch _, delays := b.(Delay); {
		case passes: // need not act
		case ending != nil && connect && delays: // a connection is delayed first, in any order
		case ending != nil && connect:
			return fmt.Errorf("%s never acts beside %s, which ends the connection: choose one of them", b.Kind(), ending.Kind())
		case ending != nil:
			return fmt.Errorf("%s never acts behind %s, which answers: put it before", b.Kind(), ending.Kind())
		}
		if Ends(b) {
			ending = b
		}
		if _, isTLS := b.(TLS); isTLS && connect {
			if err := besideTLS(effects); err != nil {
				return err
			}
		}
	}
	return nil
}

// besideTLS refuses effects that prevent the handshake.
func besideTLS(effects []Behaviour) error {
	for _, b := range effects {
		if Ends(b) {
			return fmt.Errorf("tls never acts beside %s, which ends the connection: choose one of them", b.Kind())
		}
	}
	return nil
}

// CheckOperations returns an error if an effect can act on requests for none of the
// allowed operations.
func CheckOperations(b Behaviour, allowed filter.Ops) error {
	if group, ok := b.(All); ok {
		for _, b := range group {
			if err := CheckOperations(b, allowed); err != nil {
				return err
			}
		}
	}
	limited, ok := b.(limitedEffect)
	if !ok || limited.actsOn()&allowed != 0 {
		return nil
	}
	var acts, never []op.Op
	for _, o := range op.All() {
		if limited.actsOn().Has(o) {
			acts = append(acts, o)
		} else {
			never = append(never, o)
		}
	}
	if len(acts) > len(never) {
		return fmt.Errorf("%s never acts on a request that the filters match: it does not act on %v", b.Kind(), never)
	}
	return fmt.Errorf("%s never acts on a request that the filters match: it acts on %v only", b.Kind(), acts)
}

// CheckOnAnswer returns an error for an effect that acts before a request is answered.
func CheckOnAnswer(b Behaviour) error {
	if group, ok := b.(All); ok {
		for _, b := range group {
			if err := CheckOnAnswer(b); err != nil {
				return err
			}
		}
	}
	if e, ok := b.(earlyEffect); ok && e.early() != "" {
		return fmt.Errorf("%s %s", b.Kind(), e.early())
	}
	return nil
}

// What [earlyEffect] returns.
const (
	actsBefore    = "acts before there is one: "
	actsOnRequest = actsBefore + "use a rule with filters on the request"
	actsOnRange   = actsOnRequest + ", such as header.Range"
	actsOnPush    = actsOnRequest + ": it acts on pushes that succeed"
	actsOnBody    = "of the request acts before: leave out request, and it acts on the answer"
)
