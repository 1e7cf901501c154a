package exam

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseStat(t *testing.T) {
	for text, want := range map[string][2]int64{
		"7 (sh) S 1 5 5 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1":          {5, 100},
		"7 (a) R 9 9 (b) S 1 5 5 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1": {5, 100},
		"7 (sh) S 1 5 5": {0, 0},
		"":               {0, 0},
		"7 (sh) S 1 x 5 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 2 3 4 5 6": {0, 0},
	} {
		group, ticks := parseStat(text)
		assert.Equal(t, want, [2]int64{int64(group), ticks}, text)
	}
}
