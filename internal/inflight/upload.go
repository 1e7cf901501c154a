package inflight

import (
	"context"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// The paths of an upload session, up to its id, of the specification and of some registries.
const (
	uploadsPath = "/blobs/uploads/"
	uploadPath  = "/blobs/upload/"
)

// singularUpload marks the contexts of requests to a registry with [WithSingularUpload].
type singularUpload struct{}

// WithSingularUpload returns a context for requests to a registry that has upload sessions also at
// "/v2/<name>/blobs/upload/<id>": [Begin] gives them the facts of "/v2/<name>/blobs/uploads/<id>".
func WithSingularUpload(ctx context.Context) context.Context {
	must.NotNil("inflight: WithSingularUpload: ctx", ctx)
	return With(ctx, singularUpload{})
}

// parse parses the facts of the request, or of an edited one.
func (s *State) parse(method string, u *url.URL) op.Info {
	if _, singular := find[singularUpload](s.values); singular {
		at := strings.LastIndexByte(u.Path, '/') + 1
		if before, ok := strings.CutSuffix(u.Path[:at], uploadPath); ok {
			plural := *u
			plural.Path = before + uploadsPath + u.Path[at:]
			if info := op.Parse(method, &plural); info.Session != "" {
				return info
			}
		}
	}
	return op.Parse(method, u)
}
