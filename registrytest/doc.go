// Package registrytest runs an OCI registry for a test.
//
//	func TestPull(t *testing.T) {
//		reg := registrytest.New(t)
//		err := myclient.Pull(t.Context(), reg.Ref("app:v1")) // "127.0.0.1:40001/app:v1"
//		...
//	}
//
// The registry is that of package registry: it implements the distribution specification
// and refuses what the specification does not allow. It listens on the loopback interface
// or, with [WithInMemory], on no network at all, and is closed when the test ends. Any
// number of registries can run at the same time.
//
// # Conventions
//
//   - Zero is the default. The value for "no limit" has a name: memstore.NoLimit.
//   - An empty list of filters, repositories or users does not restrict anything.
//   - The destination comes before the source: Push(t, "app:v1", image),
//     Load(t, "app", path).
//   - Options are With functions; an option with a value can be given once. Invalid
//     options are refused alike by [New], [Start], [NewHandler], the flags of ocifake
//     serve, and its configuration file.
//   - A method that takes a t fails that test, and uses its context. A method that returns
//     a value ends the test when it fails; an assertion reports whether it holds.
//
// # Clients
//
// Any client can use the registry at its [Registry.URL]. Give [Registry.Client] or
// [Registry.Transport] to clients that take an [net/http.Client] or an
// [net/http.RoundTripper]: these trust the certificates of a registry with [WithTLS],
// speak HTTP/2 if the registry does, and are the only way to reach a registry in memory.
//
// # Recording
//
// The registry records every request. [Registry.Requests] returns the requests that match
// filters, [Registry.Assert] and [Registry.Require] assert something about them, and
// [Assertions.Transcript] compares them with a golden file. A test that fails logs the
// journal, which has a line for each request.
//
//	reg.Assert(t, record.Op(op.BlobGet), record.Digest(layer)).Count(1)
//
// # Virtual time
//
// A registry that is started in a bubble of [testing/synctest] is in memory, unless it has
// an address ([WithAddr]), and waiting takes no real time. Clients must use
// [Registry.Transport]. The clock of a bubble starts in the year 2000; the registry's
// certificates are valid then.
//
// A registry must be used in the bubble in which it was started. A registry from outside
// fails its clients and the test with a message. This does not cover clients with a
// transport of their own: channels that cross the border of a bubble end the program.
//
// # Without a test
//
// Without a test, as in TestMain, t may be nil in every function and method that takes a
// [testing.TB]. What would fail the test panics instead. What would happen at the end of
// the test happens in [Registry.Close], whose error reports what would have failed the
// test. The caller must close the registry and remove directories.
package registrytest
