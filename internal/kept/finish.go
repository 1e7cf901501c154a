package kept

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/registry"
)

// finish completes the directory of the host.
func (h *Host) finish(ctx context.Context, o Options) error {
	if err := h.complete(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.collected()
	if o.Shallow {
		if err := h.flatten(ctx, &a); err != nil {
			return err
		}
	}
	if err := h.putManifests(ctx); err != nil {
		return err
	}
	if err := h.store.Close(); err != nil {
		return err
	}
	profile, err := h.profile()
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(h.dir, replay.AnswersFile), a); err != nil {
		return err
	}
	return writeFile(filepath.Join(h.dir, replay.ProfileFile), profile)
}

// putManifests puts the manifests into the store: children before their parents, and otherwise in
// the order of repositories and digests.
func (h *Host) putManifests(ctx context.Context) error {
	tags := map[place][]string{}
	for at, d := range h.tags {
		p := place{at.repo, string(d), true}
		tags[p] = append(tags[p], at.name)
	}
	done := map[place]bool{}
	var put func(p place) error
	put = func(p place) error {
		m, ok := h.manifests[p]
		if !ok || done[p] {
			return nil
		}
		done[p] = true
		stored := parsed(p, m)
		var require []registry.Reference
		for _, r := range stored.Require {
			child := place{p.repo, string(r.Digest), true}
			if err := put(child); err != nil {
				return err
			}
			if c, ok := h.manifests[child]; ok && r.Manifest && int64(len(c.content)) == r.Size {
				require = append(require, r)
			}
		}
		stored.Require, stored.Tags = require, tags[p]
		slices.Sort(stored.Tags)
		if err := h.store.PutManifest(ctx, p.repo, stored); err != nil {
			return fmt.Errorf("%s/%s: %w", p.repo, p.path(), err)
		}
		return nil
	}
	for _, p := range slices.SortedFunc(maps.Keys(h.manifests), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.repo, b.repo), cmp.Compare(a.ref, b.ref))
	}) {
		if err := put(p); err != nil {
			return err
		}
	}
	return nil
}

// parsed returns a manifest as a store takes it. What is not a manifest of a known form has no
// references.
func parsed(p place, m manifest) registry.PutManifest {
	put, err := registry.ParseManifest(m.mediaType, m.content)
	if err != nil {
		put = registry.PutManifest{Manifest: registry.Manifest{Descriptor: ocispec.Descriptor{MediaType: m.mediaType, Size: int64(len(m.content))}}}
	}
	put.Content, put.Descriptor.Digest = m.content, digest.Digest(p.ref)
	return put
}
