package thorough_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/thorough"
)

func TestSample(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6}
	given := flag.Lookup("thorough").Value.String()
	t.Cleanup(func() { require.NoError(t, flag.Set("thorough", given)) })

	require.NoError(t, flag.Set("thorough", "false"))
	assert.False(t, thorough.Enabled())
	assert.Equal(t, []int{0, 3, 6}, thorough.Sample(all, 3, 0))
	assert.Equal(t, []int{2, 5}, thorough.Sample(all, 3, 5))
	assert.Empty(t, thorough.Sample(all[:1], 3, 1))

	require.NoError(t, flag.Set("thorough", "true"))
	assert.True(t, thorough.Enabled())
	assert.Equal(t, all, thorough.Sample(all, 3, 1))
}
