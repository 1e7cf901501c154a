package registrytest

import (
	"errors"
	"fmt"
	"time"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// SweepOption is how a [Sweep] differs from the default one.
type SweepOption func(*sweepConfig)

type sweepConfig struct {
	effects    []SweepEffect
	registry   []Option
	newStore   func() registry.Store
	within     time.Duration
	loopback   bool
	realTime   bool
	inTurn     bool
	reportOnly bool
	errs       []error
}

// twice notes that an option which has a value was given before.
func (c *sweepConfig) twice(name string, given bool) {
	if given {
		c.errs = append(c.errs, fmt.Errorf("%s is given twice: give it once, with all that it is to say", name))
	}
}

// How long the client may take: in virtual time, on loopback, and where virtual
// time stood still.
const (
	withinBubble   = time.Hour
	withinRealTime = time.Minute
	withinFrozen   = 10 * time.Second
)

func newSweepConfig(opts []SweepOption) sweepConfig {
	var c sweepConfig
	for i, option := range opts {
		if option == nil {
			c.errs = append(c.errs, fmt.Errorf("option %d of %d is nil", i+1, len(opts)))
			continue
		}
		option(&c)
	}
	if c.effects == nil {
		c.effects = DefaultSweepEffects()
	}
	switch {
	case c.within > 0:
	case c.loopback:
		c.within = withinRealTime
	default:
		c.within = withinBubble
	}
	return c
}

// store makes a store without content.
func (c *sweepConfig) store() registry.Store {
	if c.newStore != nil {
		return c.newStore()
	}
	return memstore.New(memstore.Options{})
}

func (c *sweepConfig) registryOptions() []Option {
	var opts []Option
	if !c.loopback {
		opts = append(opts, InMemory())
	}
	return append(opts, c.registry...)
}

// SweepEffects sets the effects, in place of [DefaultSweepEffects].
func SweepEffects(effects ...SweepEffect) SweepOption {
	return func(c *sweepConfig) {
		c.twice("SweepEffects", c.effects != nil)
		c.effects = append([]SweepEffect{}, effects...)
		if len(effects) == 0 {
			c.errs = append(c.errs, errors.New("SweepEffects without an effect tries nothing: leave out the option for the default"))
		}
	}
}

// SweepWith adds options of the registries, such as [HTTP2]. Where they are, and
// what keeps their content, is not for these to say.
func SweepWith(opts ...Option) SweepOption {
	return func(c *sweepConfig) { c.registry = append(c.registry, opts...) }
}

// SweepStore sets what makes the stores that keep the registries' content. If it
// does not make a [memstore.Store], which can be cloned, Setup is called again for
// each trial.
func SweepStore(make func() registry.Store) SweepOption {
	return func(c *sweepConfig) {
		c.twice("SweepStore", c.newStore != nil)
		c.newStore = make
		if make == nil {
			c.errs = append(c.errs, errors.New("SweepStore of nil: leave out the option for the default"))
		}
	}
}

// SweepWithin sets how long the client may take before its context ends: an hour
// of virtual time by default, on loopback a minute.
func SweepWithin(d time.Duration) SweepOption {
	return func(c *sweepConfig) {
		c.twice("SweepWithin", c.within != 0)
		c.within = d
	}
}

// SweepOnLoopback puts the registries on loopback, and takes real time.
func SweepOnLoopback() SweepOption {
	return func(c *sweepConfig) { c.loopback, c.realTime = true, true }
}

// SweepInTurn runs one cell at a time, as is needed for clients with settings that
// are global to the program, and in tests that use [testing.T.Setenv].
func SweepInTurn() SweepOption {
	return func(c *sweepConfig) { c.inTurn = true }
}

// SweepReportOnly does not fail the subtests in which something does not hold, but
// logs it. It is for violations that are known: compare [SweepResult.Text] with a
// file, and the test fails if there are others.
func SweepReportOnly() SweepOption {
	return func(c *sweepConfig) { c.reportOnly = true }
}
