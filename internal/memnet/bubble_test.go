package memnet_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/memnet"
)

func TestCheck(t *testing.T) {
	assert.False(t, memnet.InBubble())
	assert.NoError(t, memnet.CheckBubble(false))
	assert.Equal(t, memnet.ErrInsideBubble, memnet.CheckBubble(true))
	synctest.Test(t, func(t *testing.T) {
		assert.True(t, memnet.InBubble())
		assert.NoError(t, memnet.CheckBubble(true))
		assert.Equal(t, memnet.ErrOutsideBubble, memnet.CheckBubble(false))
	})
}
