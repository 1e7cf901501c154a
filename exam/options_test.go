package exam

import (
	"errors"
	"log/slog"
	"testing"
	"time"

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
		"WithTimeout is given twice":      WithTimeout(time.Hour),
		"WithLogger is given twice":       WithLogger(slog.Default()),
		"WithEffects without an effect":   WithEffects(),
		"WithStore of nil: leave out":     WithStore(nil),
		"WithHandler of nil: leave out":   WithHandler(nil),
		"WithLogger of nil: leave out":    WithLogger(nil),
		"WithTimeout of -1ns: want":       WithTimeout(-1),
		"option 1 of 2 is nil\noption 2 ": nil,
	} {
		c := newConfig([]Option{option, option})
		assert.ErrorContains(t, errors.Join(c.errs...), want)
	}
	c := newConfig([]Option{
		WithRegistry(registrytest.WithTLS()), WithRegistry(registrytest.WithHTTP2(), registrytest.WithFaultNames()), WithSerialTrials(), WithSerialTrials(),
	})
	assert.Empty(t, c.errs)
	assert.Len(t, c.registry, 3)
}
