package recorder

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// content returns what the chunks have of a kind.
func (s *chunks) content(k kind) [][]string {
	var all [][]string
	for _, b := range s.bytes() {
		eachEntry(b, k, func(parts [][]byte) {
			var entry []string
			for _, part := range parts {
				entry = append(entry, string(part))
			}
			all = append(all, entry)
		})
	}
	return all
}

// exchangeOf returns an entry whose segments are those, and empty ones.
func exchangeOf(content ...string) (parts []segment, want []string) {
	parts, want = make([]segment, segments), make([]string, segments)
	for i, text := range content {
		parts[i].b, want[i] = []byte(text), text
		for _, c := range text {
			parts[i].sum += uint64(c)
		}
	}
	return parts, want
}

func TestChunksKeepEntries(t *testing.T) {
	s := chunks{max: 1 << 20}
	var exchanges, connections [][]string
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		if i%10 == 0 {
			text := fmt.Sprint("connection ", i)
			s.add(connectionEntry, []segment{{b: []byte(text)}})
			connections = append(connections, []string{text})
		}
		// Sums are bad hashes: texts that are not the same have the same.
		parts, want := exchangeOf(fmt.Sprint("segment ", random.IntN(500)), "always the same segment", fmt.Sprint("another ", random.IntN(500)), "")
		s.add(exchangeEntry, parts)
		exchanges = append(exchanges, want)
	}
	assert.Zero(t, s.dropped)
	assert.Equal(t, exchanges, s.content(exchangeEntry))
	assert.Equal(t, connections, s.content(connectionEntry))
}

func TestChunksRepeatNothing(t *testing.T) {
	s := chunks{max: 1 << 20}
	long := string(bytes.Repeat([]byte("x"), 1000))
	for range 1000 {
		parts, _ := exchangeOf(long)
		s.add(exchangeEntry, parts)
	}
	assert.Less(t, s.size, int64(40_000))
}

func TestChunksAreBounded(t *testing.T) {
	for _, max := range []int64{0, 1, 50, 100, 1000, 5000, minChunk, 100_000, 1 << 20, 5 << 20} {
		t.Run(fmt.Sprint(max), func(t *testing.T) {
			s := chunks{max: max}
			const n = 20_000
			for i := range n {
				parts, _ := exchangeOf(fmt.Sprintf("%060d", i))
				parts[0].sum = 0
				s.add(exchangeEntry, parts)
				var size int64
				for _, c := range s.list {
					size += int64(cap(c.b))
				}
				require.Equal(t, size, s.size)
				require.LessOrEqual(t, size, max)
			}
			kept := s.content(exchangeEntry)
			assert.Equal(t, n, len(kept)+s.dropped)
			for i, entry := range kept {
				require.Equal(t, fmt.Sprintf("%060d", s.dropped+i), entry[0], "the newest are kept")
			}
			if max >= minChunk && s.dropped > 0 { // at most two chunks are not full
				assert.Greater(t, int64(len(kept))*80, max*3/4)
			}
			at := s.kept + 1
			s.clear()
			assert.Equal(t, chunks{max: max, kept: at, clearedAt: at}, s)
		})
	}
}

// TestChunksTakeLargeEntries that are larger than a chunk, if they may.
func TestChunksTakeLargeEntries(t *testing.T) {
	s := chunks{max: 4 << 20}
	large := string(bytes.Repeat([]byte("x"), 3*maxChunk))
	for _, text := range []string{"small", large, "small too", large} {
		parts, _ := exchangeOf(text)
		s.add(exchangeEntry, parts)
	}
	assert.Len(t, s.content(exchangeEntry), 4)
	assert.Zero(t, s.dropped)
	parts, _ := exchangeOf(string(bytes.Repeat([]byte("x"), 5<<20)))
	s.add(exchangeEntry, parts)
	assert.Len(t, s.content(exchangeEntry), 4, "what is too large drops nothing else")
	assert.Equal(t, 1, s.dropped)
}

// TestChunksAreSmallAtFirst: most recorders see a few requests.
func TestChunksAreSmallAtFirst(t *testing.T) {
	s := chunks{max: defaultMaxBytes}
	assert.Zero(t, s.size)
	parts, _ := exchangeOf("x")
	s.add(exchangeEntry, parts)
	assert.Equal(t, int64(minChunk), s.size)
	assert.Len(t, s.places, 32)
}
