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
		{method: http.MethodGet, path: "repositories", summary: "Repositories, by name", params: []param{afterName, limitParam},
			answers: []answer{ok("Repositories", "their names")}, handle: (*API).listRepositories},
		{method: http.MethodGet, path: "tags", summary: "Tags of a repository, by name", params: inRepo,
			answers: []answer{ok("Tags", "the tags"), missing}, handle: (*API).listTags},
		{method: http.MethodGet, path: "manifests", summary: "Manifests of a repository, by digest", params: inRepo,
			answers: []answer{ok("Manifests", "their descriptors and tags"), missing}, handle: (*API).listManifests},
		{method: http.MethodGet, path: "blobs", summary: "Blobs of a repository, by digest", params: inRepo,
			answers: []answer{ok("Blobs", "digests and sizes"), missing}, handle: (*API).listBlobs},
		{method: http.MethodGet, path: "manifest", summary: "A manifest, and what belongs to it",
			params:  []param{repoParam, {name: "ref", kind: reference, required: true, doc: "A tag or a digest."}},
			answers: []answer{ok("Manifest", "the manifest"), missing}, handle: (*API).oneManifest},
	}...)
}

// page takes the first entries of a list.
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

// tagsOf returns the tags of a repository by the digest that each is on. The error
// wraps [registry.NameUnknown] if there is none of this name.
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
	for _, err := range a.config.Store.Tags(r.Context(), repo, "") { // tells whether there is the repository
		if err != nil {
			return err
		}
		break
	}
	list := a.config.Store.Blobs(r.Context(), repo, digest.Digest(value[string](r, "after")))
	blobs, err := page(r, list, func(d ocispec.Descriptor) blob { return blob{d.Digest, d.Size} })
	return replyPage(w, "blobs", blobs, err)
}

// maxReferrers and maxConfig bound what goes with a manifest.
const (
	maxReferrers = 1000
	maxConfig    = 1 << 20 // bytes
)

// manifest is one, and what belongs to it. Its text is left out if it is no JSON.
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

// configOf returns the config of a manifest, if it has one that can be shown.
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
