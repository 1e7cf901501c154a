package op

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
)

// externalPrefix begins every path of a second origin, where a registry redirects
// clients to for content, as to a CDN.
const externalPrefix = "/external/"

// ExternalPath returns where a second origin has the blob, or the manifest, that a
// request is about: "/external/<name>/blobs/<digest>".
func ExternalPath(info *Info) string {
	must.NotNil("op: ExternalPath: info", info)
	kind := "/blobs/"
	if info.Op == ManifestGet || info.Op == ManifestHead {
		kind = "/manifests/"
	}
	return externalPrefix + info.Name() + kind + string(info.Digest)
}

// secondOrigin marks the contexts of requests to a second origin.
type secondOrigin struct{}

// WithExternal returns a context for requests to a second origin. [Begin] gives them
// Op External, with Repo and Digest if the path is one of [ExternalPath].
func WithExternal(ctx context.Context) context.Context {
	must.NotNil("op: WithExternal: ctx", ctx)
	return With(ctx, secondOrigin{})
}

func parseExternal(r *http.Request) Info {
	info := Info{Op: External, Method: r.Method}
	for _, res := range []resource{blob, manifest} {
		if repo, last, ok := cutExternal(r.URL, res); ok {
			info.Repo, info.Digest = repo, digest.Digest(last)
		}
	}
	return info
}

// IsExternalManifest reports whether a request to a second origin is for a manifest.
func IsExternalManifest(r *http.Request) bool {
	must.NotNil("op: IsExternalManifest: r", r)
	_, _, ok := cutExternal(r.URL, manifest)
	return ok
}

// cutExternal returns the repository and the digest that a path of a second origin
// is about, if it points to this resource.
func cutExternal(u *url.URL, res resource) (repo, digest string, ok bool) {
	path, ok := strings.CutPrefix(u.Path, externalPrefix)
	if !ok {
		return "", "", false
	}
	for _, s := range suffixes {
		if s.resource == res {
			return cutSuffix(path, s.segments)
		}
	}
	return "", "", false
}
