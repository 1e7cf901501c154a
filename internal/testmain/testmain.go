// Package testmain runs the tests of a package. Only tests import it.
package testmain

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// Run is for a TestMain. It fails if goroutines remain when the tests have ended. Garbage is
// collected less often than by default: tests allocate much and keep little, and it takes a fifth of
// their time.
func Run(m *testing.M) {
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}
