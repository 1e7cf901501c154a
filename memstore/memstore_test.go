package memstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/testmain"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

func TestMain(m *testing.M) { testmain.Run(m) }

func TestStore(t *testing.T) {
	for _, store := range []struct {
		name   string
		new    func() (registry.Store, error)
		checks []storetest.Check
	}{
		{"new", func() (registry.Store, error) { return memstore.New(memstore.Options{}), nil }, storetest.Checks()},
		{"clone", func() (registry.Store, error) { return memstore.New(memstore.Options{}).Clone(), nil }, thorough.Sample(storetest.Checks(), 3, 0)},
	} {
		require.NotEmpty(t, store.checks)
		for _, check := range store.checks {
			t.Run(store.name+"/"+check.Name, func(t *testing.T) {
				t.Parallel()
				assert.NoError(t, check.Run(t.Context(), store.new))
			})
		}
	}
}

func TestBytes(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	one := push(t, s, "one", "hello")
	assert.EqualValues(t, 5, s.Bytes(), "a blob")
	push(t, s, "two", "hello")
	require.NoError(t, s.MountBlob(ctx, "three", one, "two"))
	push(t, s, "one", "")
	assert.EqualValues(t, 5, s.Bytes(), "the same blob, and an empty one")

	m := putManifest("{}", "v1")
	require.NoError(t, s.PutManifest(ctx, "one", m))
	require.NoError(t, s.PutManifest(ctx, "one", m))
	require.NoError(t, s.PutManifest(ctx, "two", m))
	assert.EqualValues(t, 7, s.Bytes(), "a manifest")

	u := newUpload(t, s, "sha256")
	require.NoError(t, u.Append(ctx, whole("abc")))
	assert.EqualValues(t, 10, s.Bytes(), "a session")
	clone := s.Clone()
	assert.EqualValues(t, 7, clone.Bytes(), "a clone, which has no sessions")
	require.NoError(t, u.Cancel(ctx))
	assert.EqualValues(t, 7, s.Bytes(), "the session is cancelled")

	require.NoError(t, s.DeleteManifest(ctx, "one", "v1", registry.Precondition{}))
	require.NoError(t, s.DeleteManifest(ctx, "one", string(m.Descriptor.Digest), registry.Precondition{}))
	for _, repo := range []string{"one", "two"} {
		require.NoError(t, s.DeleteBlob(ctx, repo, one))
	}
	assert.EqualValues(t, 7, s.Bytes(), "all of it is still held by another repository")
	require.NoError(t, s.DeleteManifest(ctx, "two", string(m.Descriptor.Digest), registry.Precondition{}))
	require.NoError(t, s.DeleteBlob(ctx, "three", one))
	assert.Zero(t, s.Bytes(), "everything is deleted")
	assert.EqualValues(t, 7, clone.Bytes(), "but not in the clone")
}

func TestClone(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{MaxBytes: 20})
	kept := push(t, s, "app", "kept")
	deleted := push(t, s, "app", "deleted")
	u := newUpload(t, s, "sha256")

	c := s.Clone()
	require.NoError(t, s.DeleteBlob(ctx, "app", deleted))
	added := push(t, s, "new", "added")
	_, err := c.OpenUpload(ctx, "app", u.ID())
	assert.ErrorIs(t, err, registry.UploadUnknown)
	assert.Empty(t, collect(t, c.Uploads(ctx, "app")))

	assert.Equal(t, "deleted", read(t, c, "app", deleted))
	assert.Equal(t, []string{"app"}, collect(t, c.Repositories(ctx, "")))
	_, err = c.OpenBlob(ctx, "new", added)
	assert.ErrorIs(t, err, registry.BlobUnknown)

	require.NoError(t, c.DeleteBlob(ctx, "app", kept))
	assert.Equal(t, "kept", read(t, s, "app", kept))
	assert.EqualValues(t, 9, s.Bytes())
	assert.EqualValues(t, 7, c.Bytes())

	err = newUpload(t, c, "sha256").Append(ctx, whole("more than 13 bytes"))
	assert.ErrorIs(t, err, registry.Full, "a clone has its own limit")
}
