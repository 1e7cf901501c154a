package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A rule with a probability does not remember every point for ever.
func TestOccurrencesAreBounded(t *testing.T) {
	var o occurrences
	for i := range 3 * maxPoints {
		assert.Positive(t, o.count(fmt.Sprint("point ", i), true))
	}
	assert.Len(t, o.exact, maxPoints)
	assert.Len(t, o.shared, sharedPoints)
	assert.Equal(t, 2, o.count("point 0", true))
	assert.Equal(t, 3, o.count("point 0", false))
	assert.Equal(t, 3, o.count("point 0", true))

	beyond := fmt.Sprint("point ", 3*maxPoints-1)
	before := o.count(beyond, true)
	assert.Equal(t, before+1, o.count(beyond, true), "those beyond are counted too")
}
