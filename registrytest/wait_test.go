package registrytest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestEventuallyDecodesOnce counts how often the requests on record are decoded, and so
// shown to the filters, while others come.
func TestEventuallyDecodesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const before, during = 500, 100
		reg := registrytest.New(t, registrytest.WithInMemory())
		get := func(n int) {
			for range n {
				response, err := reg.Client().Get(reg.URL() + "/v2/")
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, response.StatusCode)
					assert.NoError(t, response.Body.Close())
				}
				time.Sleep(time.Millisecond) // until who waits has looked
			}
		}
		get(before)
		go get(during)
		seen := 0
		all := record.Match(func(*record.Exchange) bool { seen++; return true })
		reg.Assert(t, record.Op(op.Ping), record.Status("200"), all).Eventually(before+during, time.Hour)
		assert.LessOrEqual(t, seen, before+3*during, "a request is looked at as it begins, is answered and ends")
		time.Sleep(time.Minute)
	})
}
