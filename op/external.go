package op

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
)

// externalPrefix begins every path of a second origin, where a registry redirects
// clients to for content, as to a CDN.
const externalPrefix = "/external/"

// ExternalPath returns where a second origin has the blob, or the manifest, that a
// request is about: "/external/<name>/blobs/<digest>".
func ExternalPath(info *Info) string {
	kind := "/blobs/"
	if info.Op == ManifestGet || info.Op == ManifestHead {
		kind = "/manifests/"
	}
	return externalPrefix + info.Name() + kind + string(info.Digest)
}

// BeginExternal is what [Begin] is for a request to a second origin: it has Op
// External, with Repo and Digest if the path is one of [ExternalPath].
func BeginExternal(r *http.Request) (*http.Request, *Info) {
	if info, ok := r.Context().Value(contextKey{}).(*Info); ok {
		return r, info
	}
	c := &carrier{Context: r.Context(), info: Info{Op: External, Method: r.Method}}
	for _, res := range []resource{blob, manifest} {
		if repo, last, ok := cutExternal(r.URL, res); ok {
			c.info.Repo, c.info.Digest = repo, digest.Digest(last)
		}
	}
	return r.WithContext(c), &c.info
}

// IsExternalManifest tells whether a request to a second origin is for a manifest.
func IsExternalManifest(r *http.Request) bool {
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
