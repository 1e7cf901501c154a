package upstream

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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

// target returns where a request goes: to the same path of the registry, to the address in a handle, or
// to a token service at the path of which it is. The host of the request plays no part.
func (u *Upstream) target(r *http.Request) (target, error) {
	text, sealed := strings.CutPrefix(r.URL.Path, handlePath)
	if at := u.service(r); at != nil {
		h := handle{Kind: tokens, URL: at.String(), Like: op.TokenPath}
		at.RawQuery = joined(at.RawQuery, r.URL.RawQuery)
		return target{at, h}, nil
	}
	if !sealed {
		if err := u.permit(r); err != nil {
			return target{}, err
		}
		at := &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		return target{url: at}, nil
	}
	h, at, err := u.sealer.open(text)
	if err != nil {
		return target{}, err
	}
	if h.Kind == tokens && u.options.Credentials != nil {
		return target{}, errors.New("tokens of the registry are requested here, and not for clients")
	}
	at.RawQuery = joined(at.RawQuery, r.URL.RawQuery)
	return target{at, h}, nil
}

// permit returns an error if a path of the registry may not be requested. With credentials of ours
// only the operations of the API may be, with names and a query that every server reads alike: what
// was authorized for the client is what the registry does with our credentials.
func (u *Upstream) permit(r *http.Request) error {
	if r.URL.Path != "/v2" && !strings.HasPrefix(r.URL.Path, "/v2/") {
		return errors.New("only paths below /v2/ lead to the registry, and the addresses that it names")
	}
	if !isPlain(r.URL) {
		return errors.New("the path can be read in several ways: want one without empty segments, dot segments, backslashes, semicolons and percent-encoded separators")
	}
	if u.options.Credentials == nil {
		return nil
	}
	info := op.Parse(r.Method, r.URL)
	switch info.Op {
	case op.Unknown, op.Token, op.TokenKeys:
		return fmt.Errorf("%s of this path is no operation of the distribution API: with credentials for the registry, nothing else passes", r.Method)
	}
	for _, name := range []string{info.Repo, info.From} {
		if name != "" && !op.ValidRepository(name) {
			return errName
		}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errors.New("the query is malformed")
	}
	for name, values := range query {
		if len(values) > 1 && name != "tag" {
			return fmt.Errorf("the query has several values of %q", name)
		}
	}
	return nil
}

var errName = errors.New("the repository name is invalid")

// isPlain reports whether every server reads a path alike.
func isPlain(u *url.URL) bool {
	raw := strings.ToLower(u.EscapedPath())
	if strings.Contains(u.Path, "//") || strings.ContainsAny(u.Path, `\;%`) || strings.Contains(raw, "%2e") || strings.Contains(raw, "%2f") {
		return false
	}
	if strings.ContainsFunc(u.Path, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return false
	}
	return !slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." })
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
// too.
func (u *Upstream) inAPI(at *url.URL) bool {
	return u.isOwn(at) && isPlain(at) && len(op.Methods(at)) > 0
}

// Address gives the requests for handles, and for token services, the facts of the requests that they stand for. The server
// calls it for the handler around the recorder.
func (u *Upstream) Address(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, handlePath) || u.service(r) != nil {
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
