//go:build !race

package e2e

// raceDetector tells whether the tests run with it.
const raceDetector = false
