package registrytest_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeTest is a test of which the log and the end can be watched.
type fakeTest struct {
	testing.TB
	mu       sync.Mutex
	logs     []string
	failures []string
	cleanups []func()
	ended    bool
}

// Context returns a context that is never cancelled.
func (f *fakeTest) Context() context.Context { return context.Background() }

// runTest runs a function as the testing package does.
func runTest(test func(t testing.TB)) *fakeTest {
	t := &fakeTest{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(t)
	}()
	<-done
	for _, cleanup := range slices.Backward(t.cleanups) {
		cleanup()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	return t
}

func (t *fakeTest) Helper()                {}
func (t *fakeTest) Cleanup(cleanup func()) { t.cleanups = append(t.cleanups, cleanup) }

func (t *fakeTest) TempDir() string {
	dir, err := os.MkdirTemp("", "fake")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (t *fakeTest) Setenv(name, value string) {
	before, set := os.LookupEnv(name)
	os.Setenv(name, value)
	t.Cleanup(func() {
		os.Unsetenv(name)
		if set {
			os.Setenv(name, before)
		}
	})
}

func (t *fakeTest) Log(args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		t.failures = append(t.failures, "Log after the test has ended")
	}
	t.logs = append(t.logs, strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
}

func (t *fakeTest) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

func (t *fakeTest) Fatal(args ...any) {
	t.Errorf("%s", fmt.Sprint(args...))
	t.FailNow()
}

func (t *fakeTest) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

func (t *fakeTest) Skipped() bool { return false }

func (t *fakeTest) FailNow() { runtime.Goexit() }

func (t *fakeTest) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failures) > 0
}
