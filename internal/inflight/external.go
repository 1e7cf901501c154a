package inflight

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// externalPrefix begins every path of a second origin, to which a registry redirects
// clients for content, like a CDN.
const externalPrefix = "/external/"

// ExternalPath returns the path of the blob or the manifest of a request on a second
// origin: "/external/<name>/blobs/<digest>".
func ExternalPath(info *op.Info) string {
	must.NotNil("inflight: ExternalPath: info", info)
	kind := "/blobs/"
	if info.Op == op.ManifestGet || info.Op == op.ManifestHead {
		kind = "/manifests/"
	}
	return externalPrefix + info.Name() + kind + string(info.Digest)
}

// secondOrigin marks the contexts of requests to a second origin.
type secondOrigin struct{}

// WithExternal returns a context for requests to a second origin. [Begin] gives them
// Op External, and Repo and Digest if the path is one that [ExternalPath] returns. Requests
// for an upload session have the same facts as on the registry's own origin.
func WithExternal(ctx context.Context) context.Context {
	must.NotNil("inflight: WithExternal: ctx", ctx)
	return With(ctx, secondOrigin{})
}

func parseExternal(r *http.Request) op.Info {
	if upload := op.Parse(r.Method, r.URL); upload.Session != "" {
		return upload
	}
	info := op.Info{Op: op.External, Method: r.Method}
	if content := contentOf(r); content.Op != op.Unknown {
		info.Repo, info.Digest = content.Repo, content.Digest
	}
	return info
}

// IsExternalManifest reports whether a request to a second origin is for a manifest.
func IsExternalManifest(r *http.Request) bool {
	must.NotNil("inflight: IsExternalManifest: r", r)
	return contentOf(r).Op == op.ManifestGet
}

// contentOf returns the facts of the request that reads the same content from the registry:
// a path of a second origin is that of the registry with another prefix.
func contentOf(r *http.Request) op.Info {
	path, ok := strings.CutPrefix(r.URL.Path, externalPrefix)
	if !ok {
		return op.Info{}
	}
	info := op.Parse(http.MethodGet, &url.URL{Path: "/v2/" + path})
	if info.Op == op.BlobGet || info.Op == op.ManifestGet && info.Digest != "" {
		return info
	}
	return op.Info{}
}
