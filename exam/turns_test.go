package exam

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registrytest"
)

// A fault that acts once meets the same one of several requests, whichever comes first.
func TestTurns(t *testing.T) {
	const digestOf = "sha256:000000000000000000000000000000000000000000000000000000000000000"
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			reg := registrytest.New(t, registrytest.WithInMemory())
			turns, err := arrange(&Trial{Registry: reg}, mode{}, []faults.Rule{
				faults.On(op.BlobGet).Named("fault").Times(2).Do(faults.Status(http.StatusTeapot))})
			require.NoError(t, err)
			statuses := make([]int, 4)
			var all sync.WaitGroup
			for _, i := range random.Perm(len(statuses)) {
				delay := time.Duration(random.IntN(500)) * time.Microsecond
				all.Go(func() {
					time.Sleep(delay)
					statuses[i] = get(t, reg, "/v2/app/blobs/"+digestOf+string(rune('0'+i)))
				})
			}
			all.Wait()
			assert.Equal(t, []int{418, 418, 404, 404}, statuses)
			assert.Equal(t, 2, turns.end())
			for _, x := range reg.Requests() {
				assert.NotContains(t, x.Faults, "rule", "%v", x.Faults)
				assert.Equal(t, x.Status == 418, slices.Contains(x.Faults, "fault"))
			}
			assert.Equal(t, 404, get(t, reg, "/v2/app/blobs/"+digestOf+"0"))
		})
	}
}

func get(t *testing.T, reg *registrytest.Registry, path string) int {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, reg.URL()+path, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer, err := reg.Transport().RoundTrip(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}
