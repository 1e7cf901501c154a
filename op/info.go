package op

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Info is what a request asks for, as its method and URL say. [Begin] parses it
// once; it does not change afterwards.
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

// Name returns the name of the repository that the client knows: Alias if there is
// one, else Repo. It is the one for URLs that are sent to it.
func (i *Info) Name() string { return cmp.Or(i.Alias, i.Repo) }

// prefix is what stands in the request target before the path that is served.
func prefix(r *http.Request) string {
	if r.RequestURI == "" || strings.HasPrefix(r.RequestURI, r.URL.EscapedPath()) {
		return ""
	}
	target, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}
	before, ok := strings.CutSuffix(target.EscapedPath(), r.URL.EscapedPath())
	if !ok {
		return ""
	}
	return before
}
