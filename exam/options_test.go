package exam

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// TestOptions checks that conflicting and empty options are refused.
func TestOptions(t *testing.T) {
	store := func() registry.Store { return nil }
	for want, option := range map[string]Option{
		"WithEffects is given twice":      WithEffects(DefaultEffects()...),
		"WithStore is given twice":        WithStore(store),
		"WithEffects without an effect":   WithEffects(),
		"WithStore of nil: leave out":     WithStore(nil),
		"WithHandler of nil: leave out":   WithHandler(nil),
		"option 1 of 2 is nil\noption 2 ": nil,
	} {
		c := newConfig([]Option{option, option}, false, false, 0)
		assert.ErrorContains(t, errors.Join(c.errs...), want)
	}
	c := newConfig([]Option{
		WithRegistry(registrytest.WithTLS()), WithRegistry(registrytest.WithHTTP2(), registrytest.WithFaultNames()),
	}, false, false, 0)
	assert.Empty(t, c.errs)
	assert.Len(t, c.registry, 3)
	assert.EqualError(t, errors.Join(newConfig(nil, false, false, -1).errs...), "negative Timeout -1ns: want a positive duration, or 0 for the default")
}
