package spec_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often than by default: the tests allocate much and keep little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
