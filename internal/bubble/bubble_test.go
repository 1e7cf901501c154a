package bubble_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/bubble"
)

func TestCheck(t *testing.T) {
	assert.False(t, bubble.Inside())
	assert.NoError(t, bubble.Check(false))
	assert.Equal(t, bubble.ErrInside, bubble.Check(true))
	synctest.Test(t, func(t *testing.T) {
		assert.True(t, bubble.Inside())
		assert.NoError(t, bubble.Check(true))
		assert.Equal(t, bubble.ErrOutside, bubble.Check(false))
	})
}
