package load

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
)

// TestTerminate sends SIGTERM while many clients are at work. What they saw answered
// before is in the files, which are whole.
func TestTerminate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command string
		args    []string // behind the flags
		status  int
	}{
		{name: "serve", command: "serve"},
		{name: "run", command: "run", args: []string{"--", "sh", "-c", `echo "$OCIFAKE_URL" && exec cat`}, status: 128 + int(syscall.SIGTERM)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			har, jsonl := filepath.Join(t.TempDir(), "requests.har"), filepath.Join(t.TempDir(), "requests.jsonl")
			flags := []string{tt.command, "--addr", "127.0.0.1:0", "--generate", generate, "--faults", rulesFile(t),
				"--har", har, "--requests", jsonl, "--max-record", "1GiB"}
			p, base := startRegistry(t, nil, all, append(flags, tt.args...)...)
			answered := interrupt(t, newCrowd(base), p)
			assert.Equal(t, tt.status, p.wait(t))

			fromHAR := read(t, har, record.ReadHAR)
			fromLines := read(t, jsonl, record.ReadJSONL)
			assert.Equal(t, outlines(fromHAR), outlines(fromLines), "the files have the same requests")
			seen := map[string]int{}
			for i, x := range fromHAR {
				seen[x.Header.Get("User-Agent")]++
				if x.Open || x.Seq != uint64(i+1) {
					assert.Fail(t, "a request is missing or not complete", "%d: %+v", i+1, x)
				}
			}
			missing := slices.DeleteFunc(answered, func(number string) bool { return seen[number] == 1 })
			assert.Empty(t, missing, "answered before the signal, and not in the files once")
			t.Logf("%d answered before the signal, %d in the files", len(answered), len(fromHAR))
		})
	}
}

// interrupt has the clients go on until a process has got a signal, and returns the
// requests that were answered before.
func interrupt(t *testing.T, clients crowd, p *process) (answered []string) {
	t.Helper()
	const enough = 10 * size // answers
	var mu sync.Mutex
	var signalled atomic.Bool
	took := func(number string) {
		mu.Lock()
		defer mu.Unlock()
		if signalled.Load() {
			return
		}
		if answered = append(answered, number); len(answered) == enough {
			signalled.Store(true)
			assert.NoError(t, p.Process.Signal(syscall.SIGTERM))
		}
	}
	require.NoError(t, clients.each(func(one *client) error {
		one.answered = took
		for {
			err := one.step()
			switch {
			case signalled.Load():
				return nil // whatever it was
			case err != nil:
				return err
			}
		}
	}))
	require.True(t, signalled.Load())
	return answered
}

// read reads a file as a whole.
func read(t *testing.T, name string, parse func(io.Reader) (record.Log, error)) record.Log {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	log, err := parse(file)
	require.NoError(t, err)
	return log
}

// outline is what the files say of a request in the same words.
type outline struct {
	seq              uint64
	method, target   string
	status           int
	received, sent   int64
	client           string
	left, cut, again bool
}

func outlines(log record.Log) (all []outline) {
	for _, x := range log {
		all = append(all, outline{x.Seq, x.Method, x.Target, x.Status, x.RequestBytes, x.ResponseBytes, x.Header.Get("User-Agent"), x.Left, x.Cut, x.ConnSeq > 1})
	}
	return all
}
