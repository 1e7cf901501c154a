package registrytest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/registry"
)

// TestSweepOptionsTwice: of two options that say different things, both are used or
// refused.
func TestSweepOptionsTwice(t *testing.T) {
	store := func() registry.Store { return nil }
	for want, option := range map[string]SweepOption{
		"SweepEffects is given twice":     SweepEffects(DefaultSweepEffects()...),
		"SweepStore is given twice":       SweepStore(store),
		"SweepWithin is given twice":      SweepWithin(time.Hour),
		"SweepEffects without an effect":  SweepEffects(),
		"SweepStore of nil: leave out":    SweepStore(nil),
		"option 1 of 2 is nil\noption 2 ": nil,
	} {
		c := newSweepConfig([]SweepOption{option, option})
		assert.ErrorContains(t, errors.Join(c.errs...), want)
	}
	c := newSweepConfig([]SweepOption{SweepWith(TLS()), SweepWith(HTTP2(), Magic()), SweepInTurn(), SweepInTurn()})
	assert.Empty(t, c.errs)
	assert.Len(t, c.registry, 3)
}
