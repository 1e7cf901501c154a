// Package lint judges a client by the requests that it sent.
//
// [Check] reads a recording and returns what is wrong with the client, by rule. A rule quotes the
// sentence that binds clients, or names the registries on which a client with this fault fails:
//
//	report := lint.Check(reg.Requests())
//	for _, f := range report.Findings {
//		t.Error(f)
//	}
//
// The recording can be that of a registry of package registrytest, a file of JSON Lines, or an
// HTTP Archive that a browser or a proxy wrote in front of any registry.
//
// A client is all requests from one address with the same User-Agent. Rules whose severity is
// [Waste] assume that a client is one process where connections do not say otherwise.
//
// This package is experimental: its names may change in any release.
package lint
