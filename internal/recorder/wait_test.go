package recorder_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

// TestWaitReadsOnce counts how often exchanges are read while requests end one after the
// other: each that is read is shown to the filters.
func TestWaitReadsOnce(t *testing.T) {
	const total = 1000
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(http.NotFoundHandler())
	seen, looks := 0, 0
	err := rec.Wait(t.Context(), func(log record.Log) bool {
		require.Len(t, log, looks)
		looks++
		handler.ServeHTTP(httptest.NewRecorder(), request("GET", fmt.Sprintf("/v2/app%d/tags/list", looks), ""))
		return looks > total
	}, record.Match(func(*record.Exchange) bool {
		seen++
		return true
	}))
	require.NoError(t, err)
	assert.Equal(t, total, seen)
}

// TestWaitShowsTheLog compares what Wait shows after each change with the log, while
// requests begin and end in any order, the record is cleared, and what it has no room
// for is dropped.
func TestWaitShowsTheLog(t *testing.T) {
	for name, filters := range map[string][]record.Filter{
		"all":         nil,
		"by request":  {record.Repo("app1*")},
		"open":        {record.Open()},
		"ended":       {record.Not(record.Open())},
		"not by path": {record.Not(record.Repo("app1*")), record.Status("200", "0")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const changes = 1000
				g := newGated(recorder.Options{MaxBytes: 8 << 10})
				random := rand.New(rand.NewPCG(1, 2))
				var inFlight []string
				changed, dropped, cleared := 0, 0, 0
				err := g.Wait(t.Context(), func(log record.Log) bool {
					if !assert.Equal(t, states(g.Log(filters...)), states(log)) {
						return true
					}
					changed++
					switch n := random.IntN(1000); {
					case changed >= changes:
						return true
					case n < 5:
						dropped += g.Dropped()
						g.Clear()
						cleared++
					case n < 300 && len(inFlight) < 20:
						repo := fmt.Sprintf("app%d", changed)
						g.begin(repo)
						inFlight = append(inFlight, repo)
					case n < 600 && len(inFlight) > 0:
						i := random.IntN(len(inFlight))
						g.end(inFlight[i])
						inFlight = slices.Delete(inFlight, i, i+1)
					default:
						g.do(fmt.Sprintf("app%d", changed))
					}
					return false
				}, filters...)
				require.NoError(t, err)
				assert.Positive(t, dropped)
				assert.Positive(t, cleared)
				for _, repo := range inFlight {
					g.end(repo)
				}
				g.running.Wait()
			})
		})
	}
}

// states are the numbers of a log, its repositories, and which requests are in flight.
func states(log record.Log) []string {
	var all []string
	for i := range log {
		all = append(all, fmt.Sprint(log[i].Seq, log[i].Repo, log[i].Status, log[i].Open))
	}
	return all
}
