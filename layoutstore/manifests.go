package layoutstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/layoutdir"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/uuid"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// Manifest implements [registry.Store].
func (s *Store) Manifest(ctx context.Context, repo, ref string) (registry.Manifest, error) {
	must.NotNil("layoutstore: Store.Manifest: ctx", ctx)
	v, err := s.content()
	if err != nil {
		return registry.Manifest{}, err
	}
	for {
		m, err := v.Manifest(ctx, repo, ref)
		if !s.changed(&v, err) {
			return m, err
		}
	}
}

// PutManifest implements [registry.Store].
func (s *Store) PutManifest(ctx context.Context, repo string, p registry.PutManifest) error {
	must.NotNil("layoutstore: Store.PutManifest: ctx", ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.writable("put a manifest into", repo); err != nil {
		return err
	}
	d := p.Descriptor.Digest
	if _, err := layoutdir.ParseDigest(string(d)); err != nil {
		return failf(registry.DigestInvalid, "put manifest into repository %s: %v", repo, err)
	}
	if got := d.Algorithm().FromBytes(p.Content); got != d {
		return fmt.Errorf("layoutstore: put manifest %s into repository %s: the digest of the content is %s", d, repo, got)
	}
	content := p.Content
	p.Content, p.Descriptor.Size = nil, int64(len(content))
	put := func(next *memstore.Store) (layoutdir.Record, error) {
		if err := next.AddManifest(ctx, repo, p, s.reader(d, p.Descriptor.Size)); err != nil {
			return layoutdir.Record{}, err
		}
		r := s.putRecord(repo, p)
		return r, s.fits(r)
	}
	if err := s.refuses(put); err != nil {
		return err
	}
	var written string
	err := s.add(d, func() (_ string, err error) {
		written, err = s.writeManifest(content)
		return written, err
	}, func() error { return s.change(put, nil) })
	if err != nil && written != "" {
		err = errors.Join(err, s.disk.remove(written))
	}
	return err
}

// refuses returns the error of a change without making it, so that nothing is written for one that
// is refused.
func (s *Store) refuses(f func(*memstore.Store) (layoutdir.Record, error)) error {
	s.mu.Lock()
	_, err := f(s.head.Clone())
	end := s.end
	s.mu.Unlock()
	if err != nil {
		if unsynced := s.settle(end); unsynced != nil {
			return unsynced
		}
	}
	return err
}

// putRecord returns the record of a manifest: only of its tags if it is there already.
func (s *state) putRecord(repo string, p registry.PutManifest) layoutdir.Record {
	r := layoutdir.Record{Kind: layoutdir.ManifestKind, Repo: repo, Digest: p.Descriptor.Digest, Stored: storedManifest(p)}
	if f, ok := s.facts[place{repo, r.Digest}]; ok && reflect.DeepEqual(f.Manifest, r.Stored) {
		r.Kind = layoutdir.TagKind
		r.Tags = slices.Clone(p.Tags)
		if len(r.Tags) == 0 {
			return layoutdir.Record{}
		}
	}
	r.Stored.Tags = slices.Clone(p.Tags)
	return r
}

// storedManifest returns what the log has of a manifest, without tags.
func storedManifest(p registry.PutManifest) layoutdir.Manifest {
	d := p.Descriptor
	m := layoutdir.Manifest{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, ArtifactType: d.ArtifactType, Subject: p.Subject}
	if len(d.Annotations) > 0 {
		m.Annotations = d.Annotations
	}
	for _, r := range p.Require {
		if r.Manifest && !slices.Contains(m.Children, r.Digest) {
			m.Children = append(m.Children, r.Digest)
		}
	}
	return m
}

// writeManifest writes a manifest to a new file.
func (s *Store) writeManifest(content []byte) (string, error) {
	if err := s.disk.mkdir(uploadsName); err != nil {
		return "", err
	}
	name := uploadsName + "/" + uuid.New() + manifestSuffix
	return name, s.disk.write(name, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(content))
		return err
	})
}

// DeleteManifest implements [registry.Store].
func (s *Store) DeleteManifest(ctx context.Context, repo, ref string, p registry.Precondition) error {
	must.NotNil("layoutstore: Store.DeleteManifest: ctx", ctx)
	if err := s.writable("delete a manifest from", repo); err != nil {
		return err
	}
	isDigest := strings.Contains(ref, ":")
	err := s.change(func(next *memstore.Store) (layoutdir.Record, error) {
		err := next.DeleteManifest(ctx, repo, ref, p)
		if isDigest {
			return layoutdir.Record{Kind: layoutdir.NoManifestKind, Repo: repo, Digest: digest.Digest(ref)}, err
		}
		return layoutdir.Record{Kind: layoutdir.NoTagKind, Repo: repo, Tags: []string{ref}}, err
	}, nil)
	if err == nil && isDigest {
		s.collect(digest.Digest(ref))
	}
	return err
}
