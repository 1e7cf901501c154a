package recorder

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
)

// number is a value of 10 bytes.
type number int

func (number) bytes() int64   { return 10 }
func (number) hold() int64    { return 10 }
func (number) release() int64 { return 10 }

func TestRing(t *testing.T) {
	for _, max := range []int64{-1, 0, 9, 10, 19, 50, 1005, 1 << 20} {
		t.Run(fmt.Sprint(max), func(t *testing.T) {
			r := ring[number]{max: max}
			const n = 1000
			for i := range n {
				r.add(number(i))
				require.Equal(t, int64(10*len(r.list)), r.size)
				require.LessOrEqual(t, r.size, atLeast0(max))
				require.Equal(t, i+1, len(r.list)+r.dropped)
			}
			assert.Len(t, r.list, int(min(n, atLeast0(max)/10)))
			for i, v := range r.list {
				require.Equal(t, number(r.dropped+i), v, "the newest are kept, in order")
			}
			if len(r.list) == 0 {
				assert.Zero(t, r.end(), "what was never kept has no position")
				return
			}
			assert.Equal(t, uint64(n), r.end())
			at := r.end() + 1
			r.clear()
			assert.Equal(t, ring[number]{max: max, first: at}, r)
		})
	}
}

func atLeast0(n int64) int64 { return max(n, 0) }

func TestRingFrom(t *testing.T) {
	r := ring[number]{max: 30}
	for i := range 5 {
		r.add(number(i))
	}
	for from, want := range []string{"[2 3 4] 2", "[2 3 4] 2", "[2 3 4] 2", "[3 4] 3", "[4] 4", "[] 5", "[] 5"} {
		list, first := r.from(uint64(from))
		assert.Equal(t, want, fmt.Sprint(list, first))
	}
}

// TestRingCountsWhatIsShared adds exchanges with the same header, and then with others.
func TestRingCountsWhatIsShared(t *testing.T) {
	const size = 1000
	entryWith := func(asked *header) *entry { return newEntry(new(record.Exchange), new(peer), asked, nil) }
	same := &header{size: size}
	own := entryWith(same).size
	r := ring[*entry]{max: 10 * (own + size)}
	for range 100 {
		r.add(entryWith(same))
	}
	assert.Equal(t, int64(len(r.list))*own+size, r.size)
	assert.Greater(t, len(r.list), 10)
	assert.Equal(t, len(r.list), same.refs)
	for range 100 {
		r.add(entryWith(&header{size: size}))
	}
	assert.Zero(t, same.refs)
	assert.Len(t, r.list, 10)
	assert.Equal(t, r.max, r.size)
}
