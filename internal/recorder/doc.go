// Package recorder records the requests and connections of a registry as
// [record.Exchange] and [record.Connection] values.
//
// A [Recorder] is the outermost middleware of a server, so that it sees what the
// client sees. It changes nothing of what goes over the wire: not when something is
// flushed, hijacked or sent from a file, not over HTTP/2, and not when the answer to
// "Expect: 100-continue" is sent.
//
// Recording is bounded in memory and hashes no body. Secrets are replaced by fingerprints
// before anything is stored.
package recorder
