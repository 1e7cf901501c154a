package upstream

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// target is where a request goes.
type target struct {
	url    *url.URL
	handle handle // zero for the registry's own paths
}

// target returns where a request goes: to the same path of the registry, or to the address in a
// handle. The host of the request plays no part.
func (u *Upstream) target(r *http.Request) (target, error) {
	text, sealed := strings.CutPrefix(r.URL.Path, handlePath)
	if !sealed {
		if !strings.HasPrefix(r.URL.Path, "/") {
			return target{}, errors.New("want a path")
		}
		at := &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		return target{url: at}, nil
	}
	h, at, err := u.sealer.open(text)
	if err != nil {
		return target{}, err
	}
	at.RawQuery = joined(at.RawQuery, r.URL.RawQuery)
	return target{at, h}, nil
}

// joined returns the query of an address with the parameters that a client has added.
func joined(query, more string) string {
	if query == "" || more == "" {
		return query + more
	}
	return query + "&" + more
}

// isOwn reports whether a URL is one of the registry itself: another scheme or port is another
// server.
func (u *Upstream) isOwn(at *url.URL) bool {
	return at.Scheme == u.base.Scheme && address(at) == address(u.base)
}

// inAPI reports whether a URL of the registry is one of the distribution API, and so a path here,
// too. A path that a client, or a server, may read in two ways is not.
func (u *Upstream) inAPI(at *url.URL) bool {
	if !u.isOwn(at) || !strings.HasPrefix(at.Path, "/v2/") || strings.Contains(at.Path, "//") || strings.ContainsAny(at.Path, "\\") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(at.Path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// Address gives the requests for handles the facts of the requests that they stand for. The server
// calls it for the handler around the recorder.
func (u *Upstream) Address(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, handlePath) {
			if to, err := u.target(r); err == nil {
				r, _ = inflight.BeginWith(r, func(info *op.Info) { to.handle.facts(info, r.URL.RawQuery) })
			}
		} else if inflight.Of(r.Context()) == nil {
			r = r.WithContext(inflight.WithSingularUpload(r.Context())) // as GHCR has it
		}
		next.ServeHTTP(w, r)
	})
}

// facts sets the facts of a request for a handle, with the query that the client has added.
func (h handle) facts(info *op.Info, query string) {
	like, err := url.Parse(h.Like)
	if err != nil {
		return
	}
	like.RawQuery = joined(like.RawQuery, query)
	prefix := info.Prefix
	*info = op.Parse(info.Method, like)
	info.Prefix = prefix
	if h.Kind == content {
		*info = op.Info{Op: op.External, Method: info.Method, Repo: info.Repo, Tag: info.Tag, Digest: info.Digest, Prefix: prefix}
	}
}

// like returns the path of the API whose facts the requests for an address have.
func (k kind) like(info *op.Info, at *url.URL) string {
	path := "/v2/" + info.Name()
	switch k {
	case tokens:
		return op.TokenPath
	case sessions:
		id := sha256.Sum256([]byte(at.Path))
		return escaped(path + "/blobs/uploads/" + hex.EncodeToString(id[:8]))
	case lists:
		switch info.Op {
		case op.RepositoryList:
			path = "/v2/_catalog"
		case op.ReferrerList:
			path += "/referrers/" + string(info.Digest)
		default:
			path += "/tags/list"
		}
		return escaped(path) + "?" + at.RawQuery
	}
	switch info.Op {
	case op.ManifestGet, op.ManifestHead, op.ManifestPut:
		path += "/manifests/" + cmp.Or(string(info.Digest), info.Tag)
	default:
		path += "/blobs/" + string(info.Digest)
	}
	return escaped(path)
}

func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }
