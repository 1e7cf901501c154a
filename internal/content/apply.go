package content

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
)

// putBlobs puts the blobs of all placed images.
func putBlobs(ctx context.Context, store registry.Store, src source, places []placed, trust bool) error {
	type visible struct {
		repository string
		digest     digest.Digest
	}
	there, seen := make(map[visible]bool), make(visited)
	for _, p := range places {
		to := Repository{Store: store, Name: p.repository}
		err := p.visit(seen.in(p.repository), func(part *image) error {
			for _, b := range part.blobs {
				v := visible{p.repository, b.Digest}
				if there[v] {
					continue
				}
				there[v] = true
				if err := to.putFile(ctx, src, b, trust); err != nil {
					return fmt.Errorf("%s: put blob into %s: %w", b.path, p.repository, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putManifests puts the manifests and tags of all placed images, or none.
func putManifests(ctx context.Context, store registry.Store, places []placed, sparse bool) error {
	var done undo
	seen := make(visited)
	for _, p := range places {
		to := Repository{Store: store, Name: p.repository, AllowSparse: sparse}
		if err := to.putAll(ctx, p, seen.in(p.repository), &done); err != nil {
			return errors.Join(err, done.run(context.WithoutCancel(ctx)))
		}
	}
	return nil
}

// putAll puts an image and its children, except those in seen, and adds the tags.
func (to Repository) putAll(ctx context.Context, p placed, seen map[*image]bool, done *undo) error {
	if seen[p.image] {
		return to.putOwn(ctx, p.image, p.tags, done)
	}
	return p.visit(seen, func(part *image) error {
		if part == p.image {
			return to.putOwn(ctx, part, p.tags, done)
		}
		return to.putOwn(ctx, part, nil, done)
	})
}

// putOwn puts the manifests of an image, and adds the tags to the last one.
func (to Repository) putOwn(ctx context.Context, img *image, tags []string, done *undo) error {
	for i, m := range img.manifests {
		var on []string
		if i == len(img.manifests)-1 {
			on = tags
		}
		if err := done.note(ctx, to, m, on); err != nil {
			return err
		}
		if err := to.putParsed(ctx, m, on); err != nil {
			return err
		}
	}
	return nil
}

// putFile stores a blob from its file, or lets the Store read the file later.
func (to Repository) putFile(ctx context.Context, src source, b located, trust bool) error {
	f, err := src.open(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	var c Content = contextContent{ctx, f}
	open := src.again(b.path, f)
	if b.frame != nil {
		c, open = b.frame(c), nil
	}
	body := io.NewSectionReader(c, 0, b.Size)
	store, ok := to.Store.(adder)
	if !ok || open == nil {
		return to.upload(ctx, body, b.Size, func() (digest.Digest, error) { return b.Digest, nil })
	}
	if !trust {
		d, err := b.Digest.Algorithm().FromReader(body)
		if err != nil {
			return err
		}
		if d != b.Digest {
			return fmt.Errorf("digest is %s, want %s", d, b.Digest)
		}
	}
	return store.AddBlob(ctx, to.Name, b.Descriptor, open)
}

// undo removes manifests and tags, or restores the previous ones.
type undo []func(context.Context) error

// note records the manifest and tags that will be replaced.
func (u *undo) note(ctx context.Context, to Repository, m registry.PutManifest, tags []string) error {
	for _, ref := range append([]string{string(m.Descriptor.Digest)}, tags...) {
		was, err := to.Store.Manifest(ctx, to.Name, ref)
		switch {
		case errors.Is(err, registry.ManifestUnknown):
			*u = append(*u, func(ctx context.Context) error {
				err := to.Store.DeleteManifest(ctx, to.Name, ref, registry.Precondition{})
				if errors.Is(err, registry.ManifestUnknown) {
					return nil
				}
				return err
			})
		case err != nil:
			return err
		case !sameDescriptor(was.Descriptor, m.Descriptor):
			back, _, err := AsStored(ctx, to.Store, to.Name, was)
			if err != nil {
				return err
			}
			back.Require = nil
			var tags []string
			if ref != string(was.Descriptor.Digest) {
				tags = []string{ref}
			}
			*u = append(*u, func(ctx context.Context) error {
				return to.putParsed(ctx, back, tags)
			})
		}
	}
	return nil
}

func (u undo) run(ctx context.Context) error {
	var failed []error
	for i := len(u) - 1; i >= 0; i-- {
		failed = append(failed, u[i](ctx))
	}
	return errors.Join(failed...)
}
