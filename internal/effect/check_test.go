package effect

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEffectsBeforeAnswers finds effects that were renamed.
func TestEffectsBeforeAnswers(t *testing.T) {
	for name := range ofRequest {
		assert.True(t, slices.ContainsFunc(kinds(), func(k kind) bool { return k.name == name }), name)
	}
}
