// Package battery_test measures the checkers of ocifake on registries, stores and clients
// that were written without knowledge of what the checkers check:
//
//   - spec, on registries that break one sentence of the distribution specification, and on
//     unusual ones that break none;
//   - storetest, on stores that break one sentence of registry.Store, and on unusual ones;
//   - exam.Sweep, on clients with one bug, and on clients of different build without one.
//
// The log of this has the score:
//
//	go test ./battery -run TestBattery -v -thorough | grep -a score:
//
// Without -thorough, each broken entry is only tried with what found it last
// (testdata/found.txt), and of the clients and of the right ones a sample is tried.
package battery_test
