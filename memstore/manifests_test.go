package memstore_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// What stands against a manifest is found in the order that is promised, and
// nothing is changed by one that is refused.
func TestPutManifestDecides(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{MaxBytes: 20})
	old := putManifest("old", "v1")
	require.NoError(t, s.PutManifest(ctx, "app", old))
	blob := push(t, s, "app", "blob")

	// All of it at once: each case takes away the first reason.
	m := putManifest("more than is left", "v0", "v1")
	m.Ref = "v1"
	m.Subject = blob
	m.ImmutableTags = true
	m.Precondition = registry.Precondition{IfNoneMatch: []string{"*"}}
	missing := ocispec.Descriptor{MediaType: "a/b", Digest: digest.FromString("missing"), Size: 7}
	m.Require = []registry.Reference{
		{Descriptor: missing, Blob: true, Manifest: true},
		{Descriptor: ocispec.Descriptor{Digest: blob, Size: 4}, Blob: true},
		{Descriptor: ocispec.Descriptor{Digest: blob}, Manifest: true},
		{Descriptor: old.Descriptor, Blob: true},
		{Descriptor: old.Descriptor, Blob: true, Manifest: true},
		{Descriptor: missing, Blob: true},
	}
	for _, step := range []struct {
		want error
		next func()
	}{
		{registry.PreconditionFailed, func() { m.Precondition = registry.Precondition{IfMatch: []string{string(old.Descriptor.Digest)}} }},
		{registry.TagImmutable, func() { m.ImmutableTags = false }},
		{registry.ManifestBlobUnknown, func() { m.Require = m.Require[1:2] }},
		{registry.Full, func() { m.Manifest = putManifest("smaller").Manifest }},
	} {
		err := s.PutManifest(ctx, "app", m)
		assert.ErrorIs(t, err, step.want)
		assert.ErrorContains(t, err, "repository app")
		assert.Len(t, collect(t, s.Manifests(ctx, "app", "")), 1)
		assert.Empty(t, collect(t, s.Referrers(ctx, "app", blob, "")))
		assert.Equal(t, []registry.Tag{{Name: "v1", Digest: old.Descriptor.Digest}}, collect(t, s.Tags(ctx, "app", "")))
		assert.EqualValues(t, 7, s.Bytes())
		if step.want == registry.ManifestBlobUnknown {
			assert.Equal(t, []digest.Digest{missing.Digest, blob, old.Descriptor.Digest}, missingFrom(t, err))
		}
		step.next()
	}
	require.NoError(t, s.PutManifest(ctx, "app", m))
	d := m.Descriptor.Digest
	assert.Equal(t, []registry.Tag{{Name: "v0", Digest: d}, {Name: "v1", Digest: d}}, collect(t, s.Tags(ctx, "app", "")))
}

// missingFrom returns the digests that an error details, each of which it names
// once.
func missingFrom(t *testing.T, err error) []digest.Digest {
	t.Helper()
	var joined interface{ Unwrap() []error }
	require.True(t, errors.As(err, &joined))
	var missing []digest.Digest
	for _, err := range joined.Unwrap() {
		var e *registry.Error
		require.True(t, errors.As(err, &e))
		missing = append(missing, e.Detail.(ocispec.Descriptor).Digest)
	}
	return missing
}

func TestPutManifestAgain(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	subject := digest.FromString("subject")
	m := putManifest("{}", "v1")
	m.Subject = subject
	m.Descriptor.ArtifactType = "a/old"
	m.Descriptor.Annotations = map[string]string{"old": "1"}
	given := maps.Clone(m.Descriptor.Annotations)
	for _, repo := range []string{"app", "other"} {
		require.NoError(t, s.PutManifest(ctx, repo, m))
	}
	clear(m.Descriptor.Annotations)
	m.Content[0] = 'x'
	stored, err := s.Manifest(ctx, "app", "v1")
	require.NoError(t, err)
	assert.Equal(t, "{}", string(stored.Content), "the caller may change what it gave")
	assert.Equal(t, given, stored.Descriptor.Annotations)

	again := putManifest("{}", "v2")
	again.Subject = subject
	again.Descriptor.MediaType = "a/manifest"
	again.Descriptor.ArtifactType = "a/new"
	require.NoError(t, s.PutManifest(ctx, "app", again))
	want := again.Descriptor
	assert.Equal(t, []ocispec.Descriptor{want}, collect(t, s.Referrers(ctx, "app", subject, "")))
	assert.Equal(t, []ocispec.Descriptor{want}, collect(t, s.Manifests(ctx, "app", "")))
	for _, ref := range []string{"v1", "v2", string(want.Digest)} {
		m, err := s.Manifest(ctx, "app", ref)
		require.NoError(t, err)
		assert.Equal(t, want, m.Descriptor)
	}
	other := collect(t, s.Referrers(ctx, "other", subject, ""))
	require.Len(t, other, 1)
	assert.Equal(t, "a/old", other[0].ArtifactType, "the other repository has its own")

	again.Subject = ""
	require.NoError(t, s.PutManifest(ctx, "app", again))
	assert.Empty(t, collect(t, s.Referrers(ctx, "app", subject, "")))
	assert.EqualValues(t, 2, s.Bytes())
}

func TestManifestsShareMemory(t *testing.T) {
	s := memstore.New(memstore.Options{})
	var memory []*byte
	for _, repo := range []string{"one", "two"} {
		require.NoError(t, s.PutManifest(t.Context(), repo, putManifest("{}", "v1")))
		m, err := s.Manifest(t.Context(), repo, "v1")
		require.NoError(t, err)
		memory = append(memory, &m.Content[0])
	}
	assert.Same(t, memory[0], memory[1])
}

func TestDeleteManifest(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	subject, m := putManifest("subject", "base"), putManifest("m", "v1", "v2", "v3")
	m.Subject = subject.Descriptor.Digest
	d := string(m.Descriptor.Digest)
	for _, repo := range []string{"app", "other"} {
		require.NoError(t, s.PutManifest(ctx, repo, subject))
		require.NoError(t, s.PutManifest(ctx, repo, m))
	}
	none := registry.Precondition{}
	other := registry.Precondition{IfMatch: []string{string(m.Subject)}}
	for _, ref := range []string{"v1", d} {
		assert.ErrorIs(t, s.DeleteManifest(ctx, "app", ref, other), registry.PreconditionFailed)
	}
	for _, ref := range []string{"v9", string(digest.FromString("x"))} {
		assert.ErrorIs(t, s.DeleteManifest(ctx, "app", ref, other), registry.ManifestUnknown)
	}
	require.NoError(t, s.DeleteManifest(ctx, "app", "v2", registry.Precondition{IfMatch: []string{d}}))
	assert.ErrorIs(t, s.DeleteManifest(ctx, "app", "v2", none), registry.ManifestUnknown)
	require.NoError(t, s.PutManifest(ctx, "app", putManifest("subject", "v1")), "moves a tag away")
	require.NoError(t, s.DeleteManifest(ctx, "app", string(m.Subject), none))
	assert.Len(t, collect(t, s.Referrers(ctx, "app", m.Subject, "")), 1, "the subject's referrers stay")
	assert.Equal(t, []registry.Tag{{Name: "v3", Digest: m.Descriptor.Digest}}, collect(t, s.Tags(ctx, "app", "")))

	require.NoError(t, s.DeleteManifest(ctx, "app", d, none))
	assert.Empty(t, collect(t, s.Tags(ctx, "app", "")))
	assert.Empty(t, collect(t, s.Referrers(ctx, "app", m.Subject, "")))
	assert.Empty(t, collect(t, s.Manifests(ctx, "app", "")))
	assert.Len(t, collect(t, s.Tags(ctx, "other", "")), 4)
	assert.Len(t, collect(t, s.Referrers(ctx, "other", m.Subject, "")), 1)

	require.NoError(t, s.PutManifest(ctx, "app", putManifest("m")))
	assert.Empty(t, collect(t, s.Tags(ctx, "app", "")), "tags do not come back")
}

// Of many that all ask for the same tag to be new, or to be where they saw it,
// one gets it.
func TestPreconditionsAreAtomic(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	current := registry.Precondition{IfNoneMatch: []string{"*"}}
	for round := range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var won []string
		for i := range 8 {
			wg.Go(func() {
				m := putManifest(fmt.Sprint(round, i), "latest")
				m.Ref, m.Precondition = "latest", current
				err := s.PutManifest(ctx, "app", m)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, string(m.Descriptor.Digest))
				} else {
					assert.ErrorIs(t, err, registry.PreconditionFailed)
				}
			})
		}
		wg.Wait()
		require.Len(t, won, 1)
		current = registry.Precondition{IfMatch: won}
	}
}

// Pushes are counted by repository and manifest. To push a manifest again changes nothing.
func TestPushed(t *testing.T) {
	ctx, s := t.Context(), memstore.New(memstore.Options{})
	pushed := func(s *memstore.Store, repo, content string) uint64 {
		t.Helper()
		m, err := s.Manifest(ctx, repo, string(digest.FromString(content)))
		require.NoError(t, err)
		return m.Pushed
	}
	p := putManifest("first", "v1")
	p.Pushed = 99 // ignored
	require.NoError(t, s.PutManifest(ctx, "app", p))
	require.NoError(t, s.PutManifest(ctx, "app", putManifest("second")))
	clone := s.Clone()
	require.NoError(t, s.PutManifest(ctx, "app", putManifest("first", "v2")))
	require.NoError(t, s.PutManifest(ctx, "other", putManifest("first")))
	first, second := pushed(s, "app", "first"), pushed(s, "app", "second")
	assert.Less(t, first, second)
	assert.Less(t, second, pushed(s, "other", "first"))
	require.NoError(t, clone.PutManifest(ctx, "app", putManifest("third")))
	assert.Less(t, pushed(clone, "app", "second"), pushed(clone, "app", "third"))

	require.NoError(t, s.DeleteManifest(ctx, "app", string(digest.FromString("first")), registry.Precondition{}))
	require.NoError(t, s.PutManifest(ctx, "app", putManifest("first")))
	assert.Greater(t, pushed(s, "app", "first"), second, "it came again")
}
