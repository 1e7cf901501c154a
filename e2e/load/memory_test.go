package load

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// collections are what a process says of its garbage collector, with
// GODEBUG=gctrace=1.
type collections struct {
	mu    sync.Mutex
	count int
	live  int // MiB that were left by the last one
}

// traced is a line such as "gc 7 @0.9s 1%: ... ms cpu, 11->12->6 MB, 12 MB goal, ...".
var traced = regexp.MustCompile(`^gc \d+ @.*, \d+->\d+->(\d+) MB, `)

// line takes a line of stderr, and reports whether it is about something else.
func (c *collections) line(text string) bool {
	m := traced.FindStringSubmatch(text)
	if m == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.live, _ = strconv.Atoi(m[1]) // digits
	return false
}

func (c *collections) state() (count, live int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.live
}

// memory is that of a process, in MiB.
type memory struct{ live, resident int }

func (m memory) String() string {
	return fmt.Sprintf("%d MiB live, %d MiB resident", m.live, m.resident)
}

// measure asks a registry for what is not recorded until its garbage was collected
// twice: what a sync.Pool has outlives the first.
func (c *collections) measure(t *testing.T, base string, pid int) memory {
	t.Helper()
	const most = 100_000 // requests
	before, _ := c.state()
	for range most {
		count, live := c.state()
		if count >= before+2 {
			return memory{live, resident(t, pid)}
		}
		response, err := http.Get(base + "/_ocifake/v1/openapi.json")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Fail(t, "the garbage is not collected")
	return memory{}
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s*(\d+) kB$`)

// resident is the memory that a process has of the machine.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	m := residentLine.FindSubmatch(text)
	require.NotNil(t, m, string(text))
	kib, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return kib >> 10
}
