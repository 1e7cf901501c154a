// Package apistore implements a [registry.Store] over any registry that is an [http.Handler]. It
// calls the distribution API of the handler in process.
//
//	store := apistore.New(handler, apistore.Login{})
//	m, err := store.Manifest(ctx, "app", "v1") // GET /v2/app/manifests/v1
//
// The API has no request to list the blobs or manifests of a repository, or to find an upload
// session by its ID. These methods fail with [ErrCannot]. The handler checks preconditions and the
// references of a manifest.
package apistore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

// Login is what Basic authentication of the handler asks for. The zero value sends nothing.
type Login struct{ Username, Password string }

// Store implements [registry.Store].
type Store struct {
	handler http.Handler
	login   Login
}

var _ registry.Store = (*Store)(nil)

// New returns a Store over a handler of the distribution API.
func New(handler http.Handler, login Login) *Store { return &Store{handler, login} }

// host is the host of requests. Handlers that return absolute URLs use it.
const host = "registry.test"

// manifestTypes is the Accept header of requests for manifests.
var manifestTypes = strings.Join([]string{
	ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json", "*/*",
}, ", ")

// call is a request to the handler.
type call struct {
	method string
	target string // path and query, or a Location
	header http.Header
	body   io.Reader
	length int64 // length of the body, or -1 if unknown
}

// answer is a response of the handler.
type answer struct {
	call
	status int
	header http.Header
	body   []byte
}

// maxRedirects is the maximum number of redirects that a read follows.
const maxRedirects = 5

// do sends a request to the handler. A read follows redirects to other paths of the handler.
func (s *Store) do(ctx context.Context, c call) (a answer, err error) {
	for range maxRedirects + 1 {
		if a, err = s.send(ctx, c); err != nil || a.status/100 != 3 || c.method != http.MethodGet {
			return a, err
		}
		at, err := url.Parse(a.header.Get("Location"))
		if err != nil || at.Host != "" && at.Host != host || at.Path == "" {
			return a, nil
		}
		c.target = at.RequestURI()
	}
	return a, nil
}

func (s *Store) send(ctx context.Context, c call) (answer, error) {
	target, err := (&url.URL{Scheme: "http", Host: host}).Parse(c.target)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", c.method, c.target, err)
	}
	r, err := http.NewRequestWithContext(ctx, c.method, target.String(), http.NoBody)
	if err != nil {
		return answer{}, err
	}
	r.RequestURI, r.RemoteAddr = target.RequestURI(), "127.0.0.1:1"
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.body != nil {
		r.Body, r.ContentLength = io.NopCloser(c.body), c.length
	}
	if s.login != (Login{}) {
		r.SetBasicAuth(s.login.Username, s.login.Password)
	}
	w := httptest.NewRecorder()
	if err := serve(s.handler, w, r); err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", c.method, c.target, errors.Join(ctx.Err(), err))
	}
	return answer{c, w.Code, w.Header(), w.Body.Bytes()}, ctx.Err()
}

// serve returns an error if the handler aborts its response with [http.ErrAbortHandler].
func serve(handler http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = errors.New("the handler aborted its response")
		default:
			panic(p)
		}
	}()
	handler.ServeHTTP(w, r)
	return nil
}

func (s *Store) get(ctx context.Context, path string, header http.Header) (answer, error) {
	return s.do(ctx, call{method: http.MethodGet, target: path, header: header})
}

// want returns an error unless the response has one of the statuses. The error wraps unknown if the
// status is 404.
func (a answer) want(unknown registry.Cause, statuses ...int) error {
	for _, status := range statuses {
		if a.status == status {
			return nil
		}
	}
	text, _, _ := strings.Cut(strings.TrimSpace(string(a.body)), "\n")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	err := fmt.Errorf("%s %s: unexpected status %d %s", a.method, a.target, a.status, text)
	if a.status == http.StatusNotFound {
		return errors.Join(err, unknown)
	}
	return err
}

func path(repo string, parts ...string) string {
	return "/v2/" + repo + "/" + strings.Join(parts, "/")
}

// OpenBlob implements [registry.Store]. It reads the blob into memory.
func (s *Store) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	a, err := s.get(ctx, path(repo, "blobs", string(d)), nil)
	if err != nil {
		return nil, err
	}
	if err := a.want(registry.BlobUnknown, http.StatusOK); err != nil {
		return nil, err
	}
	return registry.NewBlob(bytes.NewReader(a.body), int64(len(a.body))), nil
}

// DeleteBlob implements [registry.Store].
func (s *Store) DeleteBlob(ctx context.Context, repo string, d digest.Digest) error {
	return s.delete(ctx, path(repo, "blobs", string(d)), registry.BlobUnknown)
}

func (s *Store) delete(ctx context.Context, target string, unknown registry.Cause) error {
	a, err := s.do(ctx, call{method: http.MethodDelete, target: target})
	if err != nil {
		return err
	}
	return a.want(unknown, http.StatusAccepted, http.StatusOK, http.StatusNoContent)
}

// MountBlob implements [registry.Store].
func (s *Store) MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error {
	query := url.Values{"mount": {string(d)}, "from": {from}}
	a, err := s.do(ctx, call{method: http.MethodPost, target: path(repo, "blobs", "uploads", "?"+query.Encode())})
	if err != nil {
		return err
	}
	if a.status == http.StatusAccepted {
		cancel := s.delete(ctx, a.header.Get("Location"), registry.UploadUnknown)
		return errors.Join(registry.BlobUnknown, cancel)
	}
	return a.want(registry.BlobUnknown, http.StatusCreated)
}

// Manifest implements [registry.Store].
func (s *Store) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	a, err := s.get(ctx, path(repo, "manifests", ref), http.Header{"Accept": {manifestTypes}})
	if err != nil {
		return registry.Manifest{}, err
	}
	if err := a.want(registry.ManifestUnknown, http.StatusOK); err != nil {
		return registry.Manifest{}, err
	}
	m := registry.Manifest{
		Descriptor: ocispec.Descriptor{MediaType: a.header.Get("Content-Type"), Digest: digest.FromBytes(a.body), Size: int64(len(a.body))},
		Content:    a.body,
	}
	if d := digest.Digest(ref); strings.Contains(ref, ":") && d.Validate() == nil {
		if d.Algorithm().FromBytes(a.body) != d {
			return registry.Manifest{}, fmt.Errorf("GET %s: the content of the response does not match the digest", a.target)
		}
		m.Descriptor.Digest = d
	}
	if parsed, err := registry.ParseManifest(m.Descriptor.MediaType, a.body); err == nil {
		m.Descriptor.ArtifactType, m.Descriptor.Annotations = parsed.Descriptor.ArtifactType, parsed.Descriptor.Annotations
	}
	return m, nil
}

// PutManifest implements [registry.Store]. It sends one request for each tag.
func (s *Store) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	refs := m.Tags
	if len(refs) == 0 {
		refs = []string{string(m.Descriptor.Digest)}
	}
	for _, ref := range refs {
		a, err := s.do(ctx, call{
			method: http.MethodPut, target: path(repo, "manifests", ref),
			header: http.Header{"Content-Type": {m.Descriptor.MediaType}},
			body:   bytes.NewReader(m.Content), length: int64(len(m.Content)),
		})
		if err != nil {
			return err
		}
		if err := a.want(registry.NameUnknown, http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

// DeleteManifest implements [registry.Store]. It ignores the precondition.
func (s *Store) DeleteManifest(ctx context.Context, repo, ref string, _ registry.Precondition) error {
	return s.delete(ctx, path(repo, "manifests", ref), registry.ManifestUnknown)
}

// Repositories implements [registry.Store].
func (s *Store) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	return pages(s, ctx, "/v2/_catalog", registry.NameUnknown, func(body []byte) ([]string, error) {
		var list struct{ Repositories []string }
		err := json.Unmarshal(body, &list)
		return behind(list.Repositories, after, func(name string) string { return name }), err
	})
}

// Tags implements [registry.Store]. It sends one request for each tag that is used, to get its digest.
func (s *Store) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	names := pages(s, ctx, path(repo, "tags", "list"), registry.NameUnknown, func(body []byte) ([]string, error) {
		var list struct{ Tags []string }
		err := json.Unmarshal(body, &list)
		return behind(list.Tags, after, func(name string) string { return name }), err
	})
	return func(yield func(registry.Tag, error) bool) {
		for name, err := range names {
			var m registry.Manifest
			if err == nil {
				m, err = s.Manifest(ctx, repo, name)
			}
			if !yield(registry.Tag{Name: name, Digest: m.Descriptor.Digest}, err) || err != nil {
				return
			}
		}
	}
}

// Referrers implements [registry.Store].
func (s *Store) Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return pages(s, ctx, path(repo, "referrers", string(subject)), registry.NotEnabled, func(body []byte) ([]ocispec.Descriptor, error) {
		var index ocispec.Index
		err := json.Unmarshal(body, &index)
		return behind(index.Manifests, string(after), func(d ocispec.Descriptor) string { return string(d.Digest) }), err
	})
}

// Manifests implements [registry.Store]. It fails with [ErrCannot].
func (s *Store) Manifests(_ context.Context, repo string, _ digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return cannot[ocispec.Descriptor]("list the manifests of repository " + repo)
}

// Blobs implements [registry.Store]. It fails with [ErrCannot].
func (s *Store) Blobs(_ context.Context, repo string, _ digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return cannot[ocispec.Descriptor]("list the blobs of repository " + repo)
}

// BlobRepositories implements [registry.Store]. It fails with [ErrCannot].
func (s *Store) BlobRepositories(_ context.Context, d digest.Digest) iter.Seq2[string, error] {
	return cannot[string]("list the repositories of blob " + string(d))
}

// Uploads implements [registry.Store]. It fails with [ErrCannot].
func (s *Store) Uploads(context.Context, string) iter.Seq2[string, error] {
	return cannot[string]("list upload sessions")
}

// ErrCannot is wrapped by the errors of methods that the distribution API does not support. It is an
// [errors.ErrUnsupported].
var ErrCannot error = cannotError{}

type cannotError struct{}

func (cannotError) Error() string        { return "the distribution API cannot" }
func (cannotError) Is(target error) bool { return target == errors.ErrUnsupported }

func cannot[T any](what string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, fmt.Errorf("%w %s", ErrCannot, what))
	}
}
