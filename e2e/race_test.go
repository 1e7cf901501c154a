//go:build race

package e2e

// raceDetector reports whether the tests run with it.
const raceDetector = true
