package op

import (
	"cmp"

	"github.com/opencontainers/go-digest"
)

// Info describes a request by its method and URL; see [Parse].
type Info struct {
	Op        Op
	Method    string
	Repo      string           // repository; as the client wrote it, unless there is an Alias
	Alias     string           // the name that the client wrote, if Repo differs
	Tag       string           // the reference of a manifest, if it is a tag
	Tags      []string         // tag parameters of a manifest's PUT
	Digest    digest.Digest    // of the blob, manifest, subject or upload, as the client wrote it
	Algorithm digest.Algorithm // algorithm announced for an upload, or empty
	Session   string           // upload session
	From      string           // source repository of a mount; empty: any
	Namespace string           // the ns parameter, the upstream host in a request to a mirror
	Allow     []string         // for Unknown: the methods that the path has, sorted
	Prefix    string           // path under which the API is mounted, escaped, "" or "/some/prefix"

	mount bool
}

// Learned is what the registry finds out about a request while it serves the request. The
// slices are shared and must not be changed.
type Learned struct {
	Subject    string        // user name, if authentication accepts the credentials
	Scopes     []string      // scopes of the token of the request; for Token, those granted
	Faults     []string      // names of the rules that acted on the request, in order
	Delayed    bool          // rules acted on the request, and did nothing but delay it or its answer
	Traits     []string      // traits of the registry's profile that decided the answer, in order
	Served     []string      // changes that rules made to the request before it was served, in order: "without Range"
	Verified   digest.Digest // digest of the request body, if the registry verified it
	StaleState bool          // the upload location of the request was not the latest one

	// UpstreamError says why the upstream registry gave no answer, or none that could pass, to a
	// request that was forwarded. Empty: it did, or nothing was forwarded.
	UpstreamError string
}

// Name returns the name of the repository as the client knows it, for URLs in answers: Alias
// if there is one, and otherwise Repo.
func (i *Info) Name() string { return cmp.Or(i.Alias, i.Repo) }
