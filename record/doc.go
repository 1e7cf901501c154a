// Package record is about the requests that a registry got, and its answers.
//
// A [Log] is a list of [Exchange] values. Filters select exchanges, and methods count and
// sum them up, print them as a journal or a transcript, and write them as an HTTP Archive
// or as JSON Lines. An [Expectation] judges a log.
//
// Package registrytest returns the log of a registry. [ReadHAR] and [ReadJSONL] read those
// of other programs and of earlier runs. Credentials are redacted.
package record
