package memstore

import (
	"strings"

	"github.com/opencontainers/go-digest"
)

// index is the content of a store. Each of its methods is an atomic change or lookup. The
// caller holds the lock.
type index struct {
	repositories tree // name: name
	blobs        tree // repository, digest: *blob
	sources      tree // digest, repository: *blob
	manifests    tree // repository, digest: *manifest
	copies       tree // digest, repository: *manifest
	tags         tree // repository, tag: digest as a string
	tagged       tree // repository, digest, tag
	referrers    tree // repository, digest of the subject, digest: *manifest

	bytes  int64  // of the blobs and manifests that are held, each digest once
	pushes uint64 // of manifests that were new to their repositories
}

func newIndex() index {
	return index{
		repositories: newTree(),
		blobs:        newTree(),
		sources:      newTree(),
		manifests:    newTree(),
		copies:       newTree(),
		tags:         newTree(),
		tagged:       newTree(),
		referrers:    newTree(),
	}
}

func (x *index) snapshot() index {
	return index{
		repositories: x.repositories.snapshot(),
		blobs:        x.blobs.snapshot(),
		sources:      x.sources.snapshot(),
		manifests:    x.manifests.snapshot(),
		copies:       x.copies.snapshot(),
		tags:         x.tags.snapshot(),
		tagged:       x.tagged.snapshot(),
		referrers:    x.referrers.snapshot(),
		bytes:        x.bytes,
		pushes:       x.pushes,
	}
}

// addRepository returns the stored copy of a name, which all keys share. The given name may be
// part of a larger string that would stay in memory.
func (x *index) addRepository(name string) string {
	if stored, ok := x.repositories.get(key{name}).(string); ok {
		return stored
	}
	name = strings.Clone(name)
	x.repositories.set(key{name}, name)
	return name
}

// source returns a blob from any repository.
func (x *index) source(d digest.Digest) (*blob, bool) {
	b, ok := x.sources.first(key{string(d)}, 1).(*blob)
	return b, ok
}

// blob returns a blob of a repository.
func (x *index) blob(repo string, d digest.Digest) (*blob, bool) {
	b, ok := x.blobs.get(key{repo, string(d)}).(*blob)
	return b, ok
}

// addBlob makes a blob visible in a repository. If the index already has an equal blob, it
// makes that one visible and returns false.
func (x *index) addBlob(repo string, b *blob) bool {
	repo = x.addRepository(repo)
	held, ok := x.source(b.digest)
	if ok {
		b = held
	} else {
		x.bytes += b.held()
	}
	x.blobs.set(key{repo, string(b.digest)}, b)
	x.sources.set(key{string(b.digest), repo}, b)
	return !ok
}

// deleteBlob deletes a blob from a repository and returns the number of released bytes.
func (x *index) deleteBlob(repo string, b *blob) int64 {
	x.blobs.delete(key{repo, string(b.digest)})
	x.sources.delete(key{string(b.digest), repo})
	if _, ok := x.source(b.digest); ok {
		return 0
	}
	x.bytes -= b.held()
	return b.held()
}

// manifest returns a manifest by tag or digest.
func (x *index) manifest(repo, ref string) (*manifest, bool) {
	if !isDigest(ref) {
		ref, _ = x.tags.get(key{repo, ref}).(string)
	}
	m, ok := x.manifests.get(key{repo, ref}).(*manifest)
	return m, ok
}

func isDigest(ref string) bool { return strings.Contains(ref, ":") }

// putManifest stores a manifest and replaces one with the same digest.
func (x *index) putManifest(repo string, m *manifest) {
	repo = x.addRepository(repo)
	d := string(m.Descriptor.Digest)
	if held, ok := x.copies.first(key{d}, 1).(*manifest); ok {
		m.Content, m.read = held.Content, held.read
	} else {
		x.bytes += m.held()
	}
	old, ok := x.manifests.get(key{repo, d}).(*manifest)
	if ok {
		m.Pushed = old.Pushed
	} else {
		x.pushes++
		m.Pushed = x.pushes
	}
	if ok && old.subject != "" {
		x.referrers.delete(key{repo, string(old.subject), d})
	}
	if m.subject != "" {
		x.referrers.set(key{repo, string(m.subject), d}, m)
	}
	x.manifests.set(key{repo, d}, m)
	x.copies.set(key{d, repo}, m)
}

// deleteManifest deletes a manifest, its tags and its entry among the referrers, and returns
// the number of released bytes.
func (x *index) deleteManifest(repo string, m *manifest) int64 {
	d := string(m.Descriptor.Digest)
	var tags []string
	for k := range x.tagged.after(key{repo, d}, 2) {
		tags = append(tags, k[2])
	}
	for _, tag := range tags {
		x.deleteTag(repo, tag, d)
	}
	if m.subject != "" {
		x.referrers.delete(key{repo, string(m.subject), d})
	}
	x.manifests.delete(key{repo, d})
	x.copies.delete(key{d, repo})
	if x.copies.first(key{d}, 1) != nil {
		return 0
	}
	x.bytes -= m.held()
	return m.held()
}

// setTag sets a tag on a manifest of the repository.
func (x *index) setTag(repo, tag string, m *manifest) {
	repo, tag = x.addRepository(repo), strings.Clone(tag)
	if old, ok := x.tags.get(key{repo, tag}).(string); ok {
		x.deleteTag(repo, tag, old)
	}
	d := string(m.Descriptor.Digest)
	x.tags.set(key{repo, tag}, d)
	x.tagged.set(key{repo, d, tag}, nil)
}

// deleteTag removes a tag from its manifest.
func (x *index) deleteTag(repo, tag, d string) {
	x.tags.delete(key{repo, tag})
	x.tagged.delete(key{repo, d, tag})
}
