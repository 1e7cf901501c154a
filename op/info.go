package op

import (
	"cmp"

	"github.com/opencontainers/go-digest"
)

// Info is what a request asks for, as its method and URL say; see [Parse].
type Info struct {
	Op        Op
	Method    string
	Repo      string           // repository, as the client wrote it unless there is an Alias
	Alias     string           // the name that the client wrote, if Repo is another
	Tag       string           // the reference of a manifest, if it is a tag
	Tags      []string         // tag parameters of a manifest's PUT
	Digest    digest.Digest    // of the blob, manifest, subject or upload, as the client wrote it
	Algorithm digest.Algorithm // algorithm announced for an upload, empty if none was
	Session   string           // upload session
	From      string           // repository that a blob is to be mounted from; empty: anywhere
	Namespace string           // the ns parameter, by which a mirror is told the upstream host
	Allow     []string         // for Unknown: the methods that the path has, sorted
	Prefix    string           // path under which the API is mounted, escaped, "" or "/some/prefix"

	mount bool
}

// Learned is what the registry finds out about a request while it serves it. The slices
// are shared and must not be changed.
type Learned struct {
	Subject    string        // user name, if authentication accepts the credentials
	Scopes     []string      // scopes of the token of the request; for Token, those granted
	Faults     []string      // names of the rules that acted on the request, in order
	Verified   digest.Digest // digest of the request body, if it was computed and is right
	StaleState bool          // the upload location of the request was not the latest one
}

// Name returns the name of the repository that the client knows: Alias if there is
// one, else Repo. It is the one for URLs that are sent to it.
func (i *Info) Name() string { return cmp.Or(i.Alias, i.Repo) }
