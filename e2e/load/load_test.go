package load

import (
	"bufio"
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// long is the duration of the test, instead of a number of steps.
var long = flag.Duration("for", 0, "have the clients of TestLoad and TestUpstream go on for so long, rather than for a few steps each")

const (
	size   = 256 // clients at a time
	rounds = 4   // from one reset to the next
	steps  = 4   // of a client in a round
)

// generate describes the shared images.
const generate = sharedRepo + ":{v1..v8} layers=3 size=64KiB"

// TestLoad has many clients at a time, while others look on, and resets the registry
// between rounds. It wants no failure but those that rules ask for, every request on
// record everywhere and once, and memory back after each reset.
func TestLoad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is looked up in Linux's /proc")
	}
	requests := filepath.Join(t.TempDir(), "requests.jsonl")
	garbage := new(collections)
	// Collected often, so that there is little to wait for after a reset.
	p, base := startRegistry(t, []string{"GODEBUG=gctrace=1", "GOGC=25"}, garbage.line,
		"serve", "--addr", "127.0.0.1:0", "--generate", generate, "--faults", rulesFile(t), "--requests", requests, "--max-record", "2GiB")

	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	followed, events := newLedger("ocifake requests --follow"), newLedger("events")
	follower := start(t, nil, func(line string) { followed.add([]byte(line)) }, all, "requests", "--follow", "--json", "--url", base)
	eventsEnded := events.stream(ctx, t, base, 0)

	clients := newCrowd(base)
	var after []memory
	last := uint64(0) // request
	for round := range rounds {
		half, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- clients.round(half) }()
		<-half
		shown, closePage := openPage(t, base)
		require.NoError(t, <-ended)

		sent, failed := clients.count()
		last += uint64(sent)
		checkFaults(t, base, failed)
		checkRecord(t, base, sent)
		for _, l := range []*ledger{followed, events, shown} {
			l.has(t, last)
		}
		closePage()
		reset(t, base)
		after = append(after, garbage.measure(t, base, p.Process.Pid))
		t.Logf("round %d: %d requests, of which failed %v; after the reset %v", round+1, sent, failed, after[round])
	}
	checkMemory(t, after)

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, p.wait(t))
	assert.Zero(t, follower.wait(t))
	eventsEnded()
	checkFile(t, requests, last)
}

// checkFaults wants the clients to have seen every fault, and as often as its rule
// says that it acted.
func checkFaults(t *testing.T, base string, failed map[string]int) {
	t.Helper()
	var list struct {
		Faults []struct {
			Name string
			Hits int
		}
	}
	get(t, base+"/_ocifake/v1/faults", &list)
	hits := map[string]int{}
	for _, f := range list.Faults {
		hits[f.Name] = f.Hits
	}
	assert.Equal(t, hits, failed, "by the rules, and by the clients")
	assert.Len(t, failed, len(faults), "faults that clients have seen: %v", failed)
}

func checkRecord(t *testing.T, base string, sent int) {
	t.Helper()
	var list struct{ Dropped, Count int }
	get(t, base+"/_ocifake/v1/requests/count", &list)
	assert.Equal(t, sent, list.Count, "requests on record")
	get(t, base+"/_ocifake/v1/requests?limit=1", &list)
	assert.Zero(t, list.Dropped)
}

func reset(t *testing.T, base string) {
	t.Helper()
	response, err := http.Post(base+"/_ocifake/v1/reset", "", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNoContent, response.StatusCode)
}

// checkMemory compares the memory after the rounds.
func checkMemory(t *testing.T, after []memory) {
	t.Helper()
	first := after[0]
	for _, m := range after[1:] {
		assert.LessOrEqual(t, m.live, first.live+2, "live memory after a reset, as against the first, %v", first)
		assert.LessOrEqual(t, float64(m.resident), 1.25*float64(first.resident)+16, "resident memory after a reset, as against the first, %v", first)
	}
}

// checkFile checks that the file contains every request once.
func checkFile(t *testing.T, name string, last uint64) {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	l := newLedger("--requests")
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		l.add(scanner.Bytes())
	}
	require.NoError(t, scanner.Err())
	l.has(t, last)
}
