package registrytest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestRulesOnArrivals has a rule with each of the filters, answers of which show which of the
// requests it matched, and compares what the record says. Durations are those of the bubble.
func TestRulesOnArrivals(t *testing.T) {
	for text, want := range map[string]string{
		"attempt=2":                "200 418 200 200 200",
		"attempt>1":                "200 418 418 418 200",
		"attempt=1 query.n=*":      "200 200 200 200 418",
		"elapsed>10s":              "200 200 200 418 418",
		"conn=2":                   "200 200 200 418 418",
		"conn.requests>2":          "200 200 418 200 200",
		"!conn.requests>1":         "418 200 200 418 200",
		"conn.age>5s":              "200 200 418 200 200",
		"proto=HTTP/1.1 !query.n":  "418 418 418 418 200",
		"proto=HTTP/2.0":           "200 200 200 200 200",
		"resumed":                  "200 418 200 200 200",
		"conn=1 since=2 attempt>2": "",
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := registrytest.New(t, registrytest.WithInMemory())
				filters, err := record.ParseFilters(text)
				require.NoError(t, err)
				rule := faults.On().Named("filter").Where(filters...).Optional().Do(faults.Status(http.StatusTeapot))
				if want == "" {
					require.Error(t, rule.Check())
					return
				}
				reg.Inject(t, rule)
				client := reg.Client()
				var got []string
				ask := func(target, field string) {
					r, err := http.NewRequestWithContext(t.Context(), "GET", reg.URL()+target, nil)
					require.NoError(t, err)
					if field != "" {
						r.Header.Set("Range", field)
					}
					response, err := client.Do(r)
					require.NoError(t, err)
					_, err = io.Copy(io.Discard, response.Body) // so that the connection is used again
					require.NoError(t, err)
					require.NoError(t, response.Body.Close())
					got = append(got, response.Status[:3])
				}
				ask("/v2/", "")
				time.Sleep(3 * time.Second)
				ask("/v2/", "bytes=100-")
				time.Sleep(3 * time.Second)
				ask("/v2/", "")
				client.CloseIdleConnections()
				time.Sleep(5 * time.Second)
				ask("/v2/", "")
				ask("/v2/?n=1", "")
				assert.Equal(t, want, strings.Join(got, " "))
				synctest.Wait()
				for i, x := range reg.Requests() {
					assert.Equal(t, got[i] == "418", x.Matches(filters...), "on record, request %d", i+1)
					assert.Equal(t, got[i] == "418", x.Matches(record.Faulted("filter")))
				}
			})
		})
	}
}
