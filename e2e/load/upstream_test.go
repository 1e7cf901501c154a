package load

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// TestUpstream has many clients at a time at a registry in front of another, with faults. It wants no
// failure but those that rules ask for, every request on record, and neither a goroutine nor a file
// left.
func TestUpstream(t *testing.T) {
	files := openFiles(t)
	behind, err := registrytest.Start()
	require.NoError(t, err)
	for i := range uint64(sharedTags) {
		behind.Push(nil, sharedRepo+":v"+strconv.FormatUint(i+1, 10), images.Random(images.Seed(i)))
	}
	front, err := registrytest.Start(registrytest.WithUpstream(behind.URL()))
	require.NoError(t, err)
	text, err := os.ReadFile(rulesFile(t))
	require.NoError(t, err)
	rules, err := config.Rules(text)
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, rule := range rules {
		if _, err := front.Faults().Inject(rule); err != nil {
			require.ErrorContains(t, err, "the Store of this registry is not known")
			continue
		}
		asked[rule.Name] = true
	}
	require.Greater(t, len(asked), 4)

	clients, times := newCrowd(front.URL()), 1
	if *long > 0 {
		times = rounds
	}
	for range times {
		require.NoError(t, clients.round(make(chan struct{})))
		sent, failed := clients.count()
		requests := front.Requests()
		t.Logf("%d requests, failed: %v", sent, failed)
		assert.Len(t, requests, sent)
		for name, n := range failed {
			assert.True(t, asked[name], "%d requests failed as by %s", n, name)
		}
		assert.Len(t, failed, len(asked), "faults that clients have seen: %v", failed)
		for i := range requests {
			assert.Empty(t, requests[i].UpstreamError)
		}
		front.Forget()
	}
	require.NoError(t, front.Close())
	require.NoError(t, behind.Close())
	require.NoError(t, goleak.Find())
	require.Eventually(t, func() bool { return openFiles(t) <= files }, patience, 10*time.Millisecond)
}

// openFiles returns the number of open files and sockets of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}
