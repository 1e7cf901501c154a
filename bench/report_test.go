package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	var out strings.Builder
	a, b, c := subject{name: "a"}, subject{name: "b"}, subject{name: "c"}
	table := table{&out, []subject{a, b, c}}
	slower := result{pairs: []pair{{0.001, 0.002}, {0.001, 0.002}, {0.001, 0.004}}}
	same := result{pairs: []pair{{1024, 1024}}}
	require.NoError(t, table.header())
	require.NoError(t, table.row(row{name: "rate", unit: inSeconds, target: atLeast(0.5)},
		[]result{slower, {err: fmt.Errorf("push: %w", errStops)}, {err: errNoSuchAPI}}))
	require.NoError(t, table.row(row{name: "cost", unit: inBytes, target: below(1)}, []result{same}))
	require.NoError(t, table.row(row{name: "broken", unit: inBytes, target: atMost(1)},
		[]result{{err: errors.New("broken")}, same, slower}))
	assert.Equal(t, `| workload | base | a | target |  | b | c |
|:--|--:|--:|--:|:--|--:|--:|
| rate | 1ms | 0.50 (0.38–0.50) | ≥ 0.50 | PASS | stops | – |
| cost | 1.0 KiB | 1.00 (1.00–1.00) | < 1.00 | MISS |  |  |
| broken |  | fails | ≤ 1.00 | MISS | 1.00 (1.00–1.00) | 2.00 (2.00–3.00) |
`, out.String())
}

func TestReached(t *testing.T) {
	for _, test := range []struct {
		target target
		median float64
		want   bool
	}{
		{atLeast(0.95), 0.96, true},
		{atLeast(0.95), 0.95, true},
		{atLeast(0.95), 0.94, false},
		{atMost(1.1), 1.1, true},
		{atMost(1.1), 1.11, false},
		{below(1), 0.99, true},
		{below(1), 1, false},
	} {
		t.Run(fmt.Sprintf("%v: %v", test.target, test.median), func(t *testing.T) {
			assert.Equal(t, test.want, test.target.reached(test.median))
		})
	}
	assert.True(t, least().reached(2, 2.1, 3))
	assert.False(t, least().reached(2, 3, 2))
	assert.Equal(t, "least", least().String())
}

func TestVerdict(t *testing.T) {
	one, two := result{pairs: []pair{{1, 1}}}, result{pairs: []pair{{1, 2}}}
	none := result{err: errNotTold}
	assert.Equal(t, "PASS", verdict([]result{one, two}, least()))
	assert.Equal(t, "MISS", verdict([]result{two, one}, least()))
	assert.Equal(t, "PASS", verdict([]result{one, none}, least()), "it is no better")
	assert.Equal(t, "MISS", verdict([]result{none, two}, least()))
	assert.Equal(t, "PASS", verdict([]result{one, two}, atMost(1)), "others do not count")
	assert.Equal(t, "–", none.cell(least()))
}

func TestFailureIsWhatTheTableCannotSay(t *testing.T) {
	r, s := row{name: "push"}, subject{name: "a"}
	broken := errors.New("broken")
	assert.NoError(t, result{}.failure(r, s))
	assert.NoError(t, result{err: errStops}.failure(r, s))
	assert.NoError(t, result{err: errNoSuchAPI}.failure(r, s))
	assert.NoError(t, result{err: errNotTold}.failure(r, s))
	assert.ErrorIs(t, result{err: broken}.failure(r, s), broken)
	assert.EqualError(t, result{err: broken}.failure(r, s), "push of a: broken")
}

func TestUnits(t *testing.T) {
	assert.Equal(t, "61.4µs", inSeconds(61.44e-6))
	assert.Equal(t, "62.42ms", inSeconds(62.4213e-3))
	assert.Equal(t, "1.23s", inSeconds(1.2345))
	assert.Equal(t, "64 MiB", inBytes(64<<20))
	assert.Equal(t, "0 B", inBytes(-1))
}
