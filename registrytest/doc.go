// Package registrytest runs an OCI registry for a test.
//
//	func TestPull(t *testing.T) {
//		reg := registrytest.New(t)
//		err := myclient.Pull(t.Context(), reg.Ref("app:v1")) // "127.0.0.1:40001/app:v1"
//		...
//	}
//
// The registry is the one of package registry: it does what the distribution
// specification says, and refuses what the specification does not allow. It is
// on loopback, or with [WithInMemory] on no network at all, and is gone when the
// test ends, however busy its connections are. Any number of them may run at the
// same time.
//
// # Clients
//
// Any client can use the registry under its [Registry.URL], and those that take
// an [net/http.Client] or an [net/http.RoundTripper] are best given
// [Registry.Client] or [Registry.Transport]: these trust the certificates of a
// registry with [WithTLS], speak HTTP/2 if the registry does, and are the only way
// to a registry in memory.
//
// # Recording
//
// Every request is on record: [Registry.Requests] returns those that filters mean,
// [Registry.Assert] and [Registry.Require] say what must hold of them, and golden
// transcripts keep a client's ways in a file. A test that fails logs the journal,
// a line for each request.
//
//	reg.Assert(t, record.Op(op.BlobGet), record.Digest(layer)).Count(1)
//
// # Virtual time
//
// A registry that is started in a bubble of [testing/synctest] is in memory, unless it
// has an [WithAddr], and waiting costs no time. Clients reach it through
// [Registry.Transport] only. The clock of a bubble starts in the year 2000, by which a
// bubble is known, and the registry's certificates are valid.
//
// A registry must be started in the bubble in which it is used. One from outside fails
// its clients and the test with a message that says so. Clients with a transport of
// their own are not told: what a bubble shares with goroutines outside of it ends the
// program.
//
// # Without a test
//
// Where there is no test, as in TestMain, t may be nil in every function and method
// that takes a [testing.TB]. What would fail the test panics. What the end of the test
// would do is done by [Registry.Close], whose error says what would have failed the
// test; a registry must be closed, and a directory removed, by the caller.
package registrytest
