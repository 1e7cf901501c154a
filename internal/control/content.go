package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

func contentRoutes() []route {
	inRepo := []param{repoParam, afterName, limitParam}
	return append(loadRoutes(), []route{
		{method: http.MethodGet, path: "repositories", summary: "List repositories by name", params: []param{afterName, limitParam},
			answers: []answer{ok("Repositories", "the names of the repositories")}, handle: (*API).listRepositories},
		{method: http.MethodGet, path: "tags", summary: "List the tags of a repository by name", params: inRepo,
			answers: []answer{ok("Tags", "the tags"), missing}, handle: (*API).listTags},
		{method: http.MethodGet, path: "manifests", summary: "List the manifests of a repository by digest", params: inRepo,
			answers: []answer{ok("Manifests", "the descriptors and tags of the manifests"), missing}, handle: (*API).listManifests},
		{method: http.MethodGet, path: "blobs", summary: "List the blobs of a repository by digest", params: inRepo,
			answers: []answer{ok("Blobs", "the digests and sizes of the blobs"), missing}, handle: (*API).listBlobs},
		{method: http.MethodGet, path: "manifest", summary: "Get a manifest with its config and referrers",
			params:  []param{repoParam, {name: "ref", kind: reference, required: true, doc: "A tag or a digest."}},
			answers: []answer{ok("Manifest", "the manifest"), missing}, handle: (*API).oneManifest},
	}...)
}

// page returns the first entries of a list, up to the limit of the request.
func page[T, J any](r *request, list iter.Seq2[T, error], entry func(T) J) ([]J, error) {
	entries := []J{}
	for x, err := range list {
		if err != nil {
			return nil, err
		}
		if len(entries) == value[int](r, "limit") {
			break
		}
		entries = append(entries, entry(x))
	}
	return entries, nil
}

func same[T any](x T) T { return x }

func replyPage[J any](w http.ResponseWriter, name string, entries []J, err error) error {
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, map[string][]J{name: entries})
	return nil
}

func (a *API) listRepositories(w http.ResponseWriter, r *request) error {
	names, err := page(r, a.config.Store.Repositories(r.Context(), value[string](r, "after")), same[string])
	return replyPage(w, "repositories", names, err)
}

type tag struct {
	Name   string        `json:"name"`
	Digest digest.Digest `json:"digest"`
}

func (a *API) listTags(w http.ResponseWriter, r *request) error {
	list := a.config.Store.Tags(r.Context(), value[string](r, "repo"), value[string](r, "after"))
	tags, err := page(r, list, func(t registry.Tag) tag { return tag{t.Name, t.Digest} })
	return replyPage(w, "tags", tags, err)
}

// tagsOf returns the tags of a repository by digest. The error wraps [registry.NameUnknown] if the
// repository does not exist.
func (a *API) tagsOf(ctx context.Context, repo string) (map[digest.Digest][]string, error) {
	tags := map[digest.Digest][]string{}
	for t, err := range a.config.Store.Tags(ctx, repo, "") {
		if err != nil {
			return nil, err
		}
		tags[t.Digest] = append(tags[t.Digest], t.Name)
	}
	return tags, nil
}

type tagged struct {
	ocispec.Descriptor
	Tags []string `json:"tags,omitempty"`
}

func (a *API) listManifests(w http.ResponseWriter, r *request) error {
	repo := value[string](r, "repo")
	tags, err := a.tagsOf(r.Context(), repo)
	if err != nil {
		return err
	}
	list := a.config.Store.Manifests(r.Context(), repo, digest.Digest(value[string](r, "after")))
	manifests, err := page(r, list, func(d ocispec.Descriptor) tagged { return tagged{d, tags[d.Digest]} })
	return replyPage(w, "manifests", manifests, err)
}

type blob struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
}

func (a *API) listBlobs(w http.ResponseWriter, r *request) error {
	repo := value[string](r, "repo")
	for _, err := range a.config.Store.Tags(r.Context(), repo, "") { // fails if the repository does not exist
		if err != nil {
			return err
		}
		break
	}
	list := a.config.Store.Blobs(r.Context(), repo, digest.Digest(value[string](r, "after")))
	blobs, err := page(r, list, func(d ocispec.Descriptor) blob { return blob{d.Digest, d.Size} })
	return replyPage(w, "blobs", blobs, err)
}

// maxReferrers and maxConfig bound the data that is sent with a manifest.
const (
	maxReferrers = 1000
	maxConfig    = 1 << 20 // bytes
)

// manifest is a manifest with its config and referrers. Its text is omitted if it is not JSON.
type manifest struct {
	Descriptor ocispec.Descriptor   `json:"descriptor"`
	Tags       []string             `json:"tags"`
	Manifest   json.RawMessage      `json:"manifest,omitempty"`
	Config     json.RawMessage      `json:"config,omitempty"`
	Referrers  []ocispec.Descriptor `json:"referrers"`
}

func (a *API) oneManifest(w http.ResponseWriter, r *request) error {
	repo := value[string](r, "repo")
	stored, err := a.config.Store.Manifest(r.Context(), repo, value[string](r, "ref"))
	if err != nil {
		return err
	}
	tags, err := a.tagsOf(r.Context(), repo)
	if err != nil {
		return err
	}
	m := manifest{
		Descriptor: stored.Descriptor, Tags: append([]string{}, tags[stored.Descriptor.Digest]...), Referrers: []ocispec.Descriptor{},
	}
	if json.Valid(stored.Content) {
		m.Manifest = stored.Content
		m.Config = a.configOf(r.Context(), repo, stored.Content)
	}
	for d, err := range a.config.Store.Referrers(r.Context(), repo, stored.Descriptor.Digest, "") {
		if err != nil {
			return err
		}
		if m.Referrers = append(m.Referrers, d); len(m.Referrers) == maxReferrers {
			break
		}
	}
	reply(w, http.StatusOK, m)
	return nil
}

// configOf returns the config of a manifest, or nil if it is too large or not JSON.
func (a *API) configOf(ctx context.Context, repo string, content []byte) json.RawMessage {
	var parts struct{ Config ocispec.Descriptor }
	if json.Unmarshal(content, &parts) != nil || parts.Config.Digest == "" {
		return nil
	}
	b, err := a.config.Store.OpenBlob(ctx, repo, parts.Config.Digest)
	if err != nil {
		return nil
	}
	defer b.Close()
	if b.Size() > maxConfig {
		return nil
	}
	config := make([]byte, b.Size())
	if _, err := b.ReadAt(config, 0); err != nil && !errors.Is(err, io.EOF) || !json.Valid(config) {
		return nil
	}
	return config
}
