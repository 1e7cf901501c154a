package registrytest

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// testLog writes to the log of a test until that ends.
type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil after the end
}

func newTestLog(t testing.TB) *testLog { return &testLog{t: t} }

// logger leaves out what is at level Debug: the journal has it, and is shown if the
// test fails.
func (l *testLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Write takes one record.
func (l *testLog) Write(record []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Helper()
		l.t.Log(strings.TrimSuffix(string(record), "\n"))
	}
	return len(record), nil
}

// end returns when nothing is being written, and nothing will be any more.
func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t = nil
}
