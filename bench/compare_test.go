package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// times returns a function that returns true n times.
func times(n int) func() bool {
	return func() bool { n--; return n >= 0 }
}

// noted is a workload that records its calls.
func noted(journal *[]string, name string, fail error) workload {
	note := func(what string, err error) func() error {
		return func() error {
			*journal = append(*journal, what+" "+name)
			return err
		}
	}
	return func(subject) (*task, error) {
		return &task{do: note("do", fail), undo: note("undo", nil), close: note("close", nil)}, nil
	}
}

func TestInterleave(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		a, b error
		want []string
	}{
		"in turns": {nil, nil, []string{
			"do a", "undo a", "do b", "undo b",
			"do b", "undo b", "do a", "undo a",
			"do a", "undo a", "do b", "undo b",
			"close b", "close a",
		}},
		"base fails":    {broken, nil, []string{"do a", "close b", "close a"}},
		"subject fails": {nil, broken, []string{"do a", "undo a", "do b", "close b", "close a"}},
	} {
		t.Run(name, func(t *testing.T) {
			var journal []string
			pairs, err := interleave(subject{}, noted(&journal, "a", test.a), subject{}, noted(&journal, "b", test.b), times(3))
			assert.Equal(t, test.want, journal)
			if test.a == nil && test.b == nil {
				require.NoError(t, err)
				assert.Len(t, pairs, 3)
			} else {
				assert.ErrorIs(t, err, broken)
			}
		})
	}
}

func TestInterleaveClosesWhatIsReady(t *testing.T) {
	var journal []string
	broken := errors.New("broken")
	fails := func(subject) (*task, error) { return nil, broken }
	_, err := interleave(subject{}, noted(&journal, "a", nil), subject{}, fails, times(1))
	assert.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"close a"}, journal)
}

func TestOnServerClosesWhatFails(t *testing.T) {
	broken := errors.New("broken")
	var journal []string
	note := func(what string) func() error {
		return func() error { journal = append(journal, what); return nil }
	}
	s := subject{start: func() (*server, error) { return &server{close: note("server")}, nil }}
	fails := func() error { return broken }
	for name, test := range map[string]struct {
		prepare func(*server, *client) (*task, error)
		want    []string
	}{
		"preparation": {func(*server, *client) (*task, error) { return nil, broken }, []string{"server"}},
		"first run": {func(*server, *client) (*task, error) {
			return &task{do: fails, close: note("task")}, nil
		}, []string{"task", "server"}},
	} {
		t.Run(name, func(t *testing.T) {
			journal = nil
			_, err := onServer(test.prepare)(s)
			assert.ErrorIs(t, err, broken)
			assert.Equal(t, test.want, journal)
		})
	}
}

func TestRatioOf(t *testing.T) {
	rate, cost := atLeast(1), atMost(1)
	for name, test := range map[string]struct {
		pairs []pair
		of    func(pair) float64
		want  ratio
	}{
		"one":             {[]pair{{2, 4}}, rate.ratio, ratio{0.5, 0.5, 0.5}},
		"cost":            {[]pair{{2, 4}}, cost.ratio, ratio{2, 2, 2}},
		"below is a cost": {[]pair{{2, 4}}, below(1).ratio, ratio{2, 2, 2}},
		"unsorted, odd":   {[]pair{{1, 5}, {1, 1}, {1, 3}, {1, 2}, {1, 4}}, cost.ratio, ratio{3, 2, 4}},
		"even":            {[]pair{{1, 1}, {1, 2}}, cost.ratio, ratio{1.5, 1.25, 1.75}},
		"of pairs, not of sums": {
			[]pair{{1, 2}, {100, 100}, {1, 2}}, cost.ratio, ratio{2, 1.5, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, ratioOf(test.pairs, test.of))
		})
	}
}
