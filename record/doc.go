// Package record keeps what clients asked of a registry and what they were
// answered, to be questioned by tests and people.
//
// A [Recorder] is the outermost middleware of a server, so that it sees what the
// client sees. It gives a [Log] of [Exchange] values, which filters select and
// methods sum up. It changes nothing of what goes over the wire: not when
// something is flushed, hijacked or sent from a file, not over HTTP/2, and not
// when the answer to "Expect: 100-continue" is sent.
//
// Recording is bounded in memory and hashes no body. Credentials are taken out
// before anything is kept.
package record
