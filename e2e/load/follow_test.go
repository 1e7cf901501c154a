package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ledger counts requests that somebody was told of, by their number.
type ledger struct {
	name  string
	first uint64 // of those that count

	mu      sync.Mutex
	seen    map[uint64]bool
	again   map[uint64]bool // those that may be told of once more
	wrong   []string
	wanted  int           // of seen
	reached chan struct{} // closed when there are so many
}

func newLedger(name string) *ledger {
	return &ledger{name: name, seen: map[uint64]bool{}, again: map[uint64]bool{}}
}

// add takes the JSON of an exchange.
func (l *ledger) add(exchange []byte) {
	var x struct {
		Seq  uint64
		Open bool
	}
	err := json.Unmarshal(exchange, &x)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.wrong = append(l.wrong, err.Error())
	case x.Seq < l.first:
		return
	case l.again[x.Seq]:
		delete(l.again, x.Seq)
	case l.seen[x.Seq]:
		l.wrong = append(l.wrong, fmt.Sprintf("%d is there twice", x.Seq))
	case x.Open || x.Seq == 0:
		l.wrong = append(l.wrong, fmt.Sprintf("%.200s", exchange))
	}
	l.seen[x.Seq] = true
	if l.reached != nil && len(l.seen) >= l.wanted {
		close(l.reached)
		l.reached = nil
	}
}

// has waits for all requests up to a number, and wants no others.
func (l *ledger) has(t *testing.T, last uint64) {
	t.Helper()
	reached, first := make(chan struct{}), max(l.first, 1)
	l.mu.Lock()
	if l.wanted = int(last - first + 1); len(l.seen) >= l.wanted {
		close(reached)
	} else {
		l.reached = reached
	}
	l.mu.Unlock()
	select {
	case <-reached:
	case <-time.After(patience):
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Empty(t, l.wrong, l.name)
	missing := 0
	for seq := first; seq <= last; seq++ {
		if !l.seen[seq] {
			missing++
		}
	}
	assert.Zero(t, missing, "%s: requests are missing", l.name)
	assert.Equal(t, l.wanted, len(l.seen), "%s: requests from %d to %d", l.name, first, last)
}

// stream takes events of requests as the page does, behind a place, until the context
// ends. They are listened to when it returns.
func (l *ledger) stream(ctx context.Context, t *testing.T, base string, after uint64) (ended func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/_ocifake/v1/events?after=%d", base, after), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer response.Body.Close()
		l.read(response.Body)
	}()
	return func() { <-done }
}

func (l *ledger) read(events io.Reader) {
	scanner := bufio.NewScanner(events)
	scanner.Buffer(nil, 1<<20)
	for event := ""; scanner.Scan(); {
		switch name, value, _ := strings.Cut(scanner.Text(), ": "); {
		case name == "event":
			event = value
		case name == "data" && event == "request":
			l.add([]byte(value))
		}
	}
}

// openPage does what the page does when it is opened: it takes the newest requests,
// and then events. Requests that end meanwhile may be in both.
func openPage(t *testing.T, base string) (shown *ledger, closed func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var list struct {
		Requests []json.RawMessage
		Last     uint64
	}
	get(t, base+"/_ocifake/v1/requests?tail=1000", &list)
	shown = newLedger("the page")
	for _, text := range list.Requests {
		var x struct {
			Seq  uint64
			Open bool
		}
		require.NoError(t, json.Unmarshal(text, &x))
		if shown.first == 0 {
			shown.first = x.Seq
		}
		if !x.Open {
			shown.add(text)
			shown.again[x.Seq] = true
		}
	}
	ended := shown.stream(ctx, t, base, list.Last)
	return shown, func() { cancel(); ended() }
}

// get reads an answer of the control API.
func get(t *testing.T, url string, into any) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	require.NoError(t, json.Unmarshal(body, into))
}
