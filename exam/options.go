package exam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// Option configures [Sweep] and [Chaos]. An option with a value can be given once: they
// fail the test if it is given twice.
type Option func(*config)

type config struct {
	effects    []Effect
	registry   []registrytest.Option
	newStore   func() registry.Store
	newHandler func() http.Handler
	within     time.Duration
	loopback   bool
	serial     bool
	reportOnly bool
	must       []string // names of effects that the client must recover from
	quiet      time.Duration

	only     []string // of an exam: groups, names and IDs
	all      bool     // of an exam: the whole sweep
	seed     uint64
	progress func(TrialResult)
	minIdle  time.Duration   // after which a command that does nothing has hung
	parent   context.Context // of the contexts of Run; nil: none

	withinFrozen time.Duration // for Run on loopback after virtual time stood still
	errs         []error
}

// once adds an error if an option with a value was given before.
func (c *config) once(name string, given bool) {
	if given {
		c.errs = append(c.errs, fmt.Errorf("%s is given twice: give it once, with the whole value", name))
	}
}

// notNil adds an error if the value of an option is nil.
func (c *config) notNil(name string, isNil bool) {
	if isNil {
		c.errs = append(c.errs, fmt.Errorf("%s of nil: leave out the option for the default", name))
	}
}

// The time limits of Run: in virtual time, on loopback, and for the cells that run on
// loopback because virtual time stood still.
const (
	withinBubble   = time.Hour
	withinRealTime = time.Minute
	withinAwake    = 10 * time.Second
)

// quietLimit is the real time without an event on the wire after which a bubble is
// taken to stand still.
const quietLimit = 15 * time.Second

// newConfig returns the config of a [Scenario] or a [Client] with these options.
func newConfig(opts []Option, loopback, serial bool, timeout time.Duration) config {
	c := config{loopback: loopback, serial: serial, within: timeout}
	if timeout < 0 {
		c.errs = append(c.errs, fmt.Errorf("negative Timeout %v: want a positive duration, or 0 for the default", timeout))
	}
	for i, option := range opts {
		if option == nil {
			c.errs = append(c.errs, fmt.Errorf("option %d of %d is nil", i+1, len(opts)))
			continue
		}
		option(&c)
	}
	if c.effects == nil {
		c.effects = DefaultEffects()
		if c.newHandler != nil {
			c.effects = slices.DeleteFunc(c.effects, func(e Effect) bool { return e.Name == mountRefused })
		}
	}
	if c.newStore != nil && c.newHandler != nil {
		c.errs = append(c.errs, errors.New("choose one of WithStore and WithHandler"))
	}
	c.checkMust()
	c.quiet = cmp.Or(c.quiet, quietLimit)
	c.minIdle = cmp.Or(c.minIdle, minIdle)
	c.withinFrozen = cmp.Or(c.withinFrozen, withinAwake)
	switch {
	case c.within != 0:
	case c.loopback:
		c.within = withinRealTime
	default:
		c.within = withinBubble
	}
	return c
}

// checkMust replaces an empty list of MustRecover by the default, and refuses effects
// that the sweep does not have.
func (c *config) checkMust() {
	names, passing := []string{chaosName}, []string{}
	for _, e := range c.effects {
		names = append(names, e.Name)
		if e.pass {
			passing = append(passing, e.Name)
		}
	}
	if c.must != nil && len(c.must) == 0 {
		c.must = passing
	}
	for _, name := range c.must {
		if !slices.Contains(names, name) {
			c.errs = append(c.errs, fmt.Errorf("MustRecover of %q: no effect has this name", name))
		}
	}
}

// store returns an empty store.
func (c *config) store() registry.Store {
	if c.newHandler != nil {
		return foreign{handler: c.newHandler()}
	}
	if c.newStore != nil {
		return c.newStore()
	}
	return memstore.New(memstore.Options{})
}

// WithEffects replaces [DefaultEffects].
func WithEffects(effects ...Effect) Option {
	return func(c *config) {
		c.once("WithEffects", c.effects != nil)
		c.effects = append([]Effect{}, effects...)
		if len(effects) == 0 {
			c.errs = append(c.errs, errors.New("WithEffects without an effect tries nothing: leave out the option for the default"))
		}
	}
}

// WithRegistry adds options of the registries, such as [registrytest.WithHTTP2]. The registries
// log nothing. Their network is set by the field Loopback of a [Scenario] or a [Client], and their
// Store by [WithStore].
func WithRegistry(opts ...registrytest.Option) Option {
	return func(c *config) {
		for i, option := range opts {
			if option == nil {
				c.errs = append(c.errs, fmt.Errorf("WithRegistry: option %d of %d is nil", i+1, len(opts)))
			}
		}
		c.registry = append(c.registry, opts...)
	}
}

// WithStore sets a function that returns an empty Store for a registry. The default
// returns a [memstore.Store]. Setup runs once if the Store is one, because it can be
// cloned, and otherwise for each trial.
func WithStore(newStore func() registry.Store) Option {
	return func(c *config) {
		c.once("WithStore", c.newStore != nil)
		c.notNil("WithStore", newStore == nil)
		c.newStore = newStore
	}
}

// WithHandler sets a function that returns a registry of another kind, such as CNCF distribution, as
// an empty handler of the distribution API: see [registrytest.WithHandler]. It is called for each
// trial, and Setup runs on each. Effects that act on the Store are not among the defaults, and fail the
// test. Whether the content is consistent is not checked, because the distribution API does not list
// blobs. Handlers that start goroutines need [Scenario.Loopback].
func WithHandler(newHandler func() http.Handler) Option {
	return func(c *config) {
		c.once("WithHandler", c.newHandler != nil)
		c.notNil("WithHandler", newHandler == nil)
		c.newHandler = newHandler
	}
}

// foreign is the place of a store for a registry of another kind, whose store is not known.
type foreign struct {
	registry.Store
	handler http.Handler
}

// MustRecover demands that the client recovers from effects that act once, given by
// their names, and reports a client that never tries again, or whose tries fail. Without
// names the effects are those of [DefaultEffects] with a star: statuses and cut
// connections that a client gets past by sending the request again, and what the
// specification permits registries to do. The name "chaos" is for [Chaos].
//
// Without MustRecover a client may return an error on any fault.
func MustRecover(effects ...string) Option {
	return func(c *config) {
		c.once("MustRecover", c.must != nil)
		c.must = append([]string{}, effects...)
	}
}

// All makes [Run] and [Examine] sweep all requests of the plain run, each failing in each way.
// By default they choose some for each way, by the seed.
func All() Option { return func(c *config) { c.all = true } }

// Only chooses the trials of [Run] and [Examine] by their group, their name or their ID:
// "faults", "profiles/ghcr", "duties/blob-wrong/pull". Further ones add to them.
func Only(names ...string) Option {
	return func(c *config) { c.only = append(c.only, names...) }
}

// WithSeed sets the seed of content, and of trials that are chosen at random. The default is 0.
func WithSeed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// WithProgress sets a function that [Run] and [Examine] call with each result, one at a time, in
// the order in which trials end.
func WithProgress(progress func(TrialResult)) Option {
	return func(c *config) {
		c.once("WithProgress", c.progress != nil)
		c.notNil("WithProgress", progress == nil)
		c.progress = progress
	}
}

// WithReportOnly logs violations and does not fail their subtests. Use it if some
// violations are known, and compare [Result.Text] with a file to find new ones.
func WithReportOnly() Option {
	return func(c *config) { c.reportOnly = true }
}
