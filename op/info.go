package op

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Info is what is known of one request. [Begin] fills the fields of the first
// group; each layer that the request passes writes its own of the second. It is
// not safe for concurrent use: the goroutine that serves the request owns it.
type Info struct {
	Op        Op
	Method    string
	Repo      string           // repository, as the client wrote it
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

	// Written by what lets a repository be asked for under another name, with Repo
	// and From, before anybody else looks at them.

	Alias string // the name that the client wrote, if Repo is another

	// Written by auth.

	Subject string   // who sends the request, as far as the credentials say so
	Scopes  []string // what a token that came with the request allows; of Token, what was granted

	// Written by fault injection.

	Faults []string // names of the rules that touched the request, in order

	// Written by the registry.

	Verified   digest.Digest // digest of the request body, once it was computed and found right
	StaleState bool          // the upload location used was not the latest one handed out
}

// Name returns the name of the repository that the client knows: Alias if there is
// one, else Repo. It is the one for URLs that are sent to it.
func (i *Info) Name() string { return cmp.Or(i.Alias, i.Repo) }

type contextKey struct{}

// carrier is the context of a request that has begun.
type carrier struct {
	context.Context
	info Info
}

func (c *carrier) Value(key any) any {
	if key == (contextKey{}) {
		return &c.info
	}
	return c.Context.Value(key)
}

// Begin returns the Info of a request, and the request that carries it. The
// first call parses the request and adds the Info to its context; later ones,
// in inner handlers, return the same Info.
//
// Begin belongs after whatever rewrites the request's URL. A prefix that
// [http.StripPrefix] removed is found by comparing with r.RequestURI.
func Begin(r *http.Request) (*http.Request, *Info) {
	if info, ok := r.Context().Value(contextKey{}).(*Info); ok {
		return r, info
	}
	c := &carrier{r.Context(), Parse(r.Method, r.URL)}
	c.info.Prefix = prefix(r)
	return r.WithContext(c), &c.info
}

// InfoOf returns the Info of the request with this context, or nil if it has not
// begun.
func InfoOf(ctx context.Context) *Info {
	info, _ := ctx.Value(contextKey{}).(*Info)
	return info
}

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
