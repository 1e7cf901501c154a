package recent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/recent"
)

func TestMap(t *testing.T) {
	m := recent.NewMap[string, int](2)
	assert.Zero(t, m.Get("a"))
	assert.True(t, m.Empty())
	m.Set("a", 1)
	m.Set("a", 2)
	m.Set("b", 3)
	assert.Equal(t, []int{2, 3}, []int{m.Get("a"), m.Get("b")})
	assert.False(t, m.Empty())
	m.Clear()
	assert.True(t, m.Empty())
	assert.Equal(t, []int{0, 0}, []int{m.Get("a"), m.Get("b")})
}

func TestMapForgetsWhatIsNotUsed(t *testing.T) {
	const max, many = 10, 1000
	m := recent.NewMap[int, int](max)
	for i := 1; i <= many; i++ {
		m.Set(0, i) // used again and again
		m.Set(i, i)
		if oldest := i - max + 2; oldest > 0 {
			assert.Equal(t, oldest, m.Get(oldest), "one of the latest keys")
		}
	}
	assert.Equal(t, many, m.Get(0))
	kept := 0
	for i := 1; i <= many; i++ {
		if m.Get(i) != 0 {
			kept++
		}
	}
	assert.GreaterOrEqual(t, kept, max-1)
	assert.Less(t, kept, 2*max)
}
