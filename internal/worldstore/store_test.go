package worldstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/internal/worldstore"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

// TestStoreKeepsItsPromises: with hosts around it, it is a Store like any other.
func TestStoreKeepsItsPromises(t *testing.T) {
	for _, check := range thorough.Sample(storetest.Checks(), 8, 2) {
		t.Run(check.Name, func(t *testing.T) {
			assert.NoError(t, check.Run(t.Context(), func() (registry.Store, error) {
				s := worldstore.NewStore(memstore.New(memstore.Options{}))
				s.Add("a.example", nil, memstore.New(memstore.Options{}))
				return s, nil
			}))
		})
	}
}

// TestHosts: the content of each host is its own, under its name.
func TestHosts(t *testing.T) {
	main, hub, ghcr := memstore.New(memstore.Options{}), memstore.New(memstore.Options{}), memstore.New(memstore.Options{})
	s := worldstore.NewStore(main)
	s.Add("docker.io", []string{"*.docker.io"}, hub)
	s.Add("ghcr.io", nil, ghcr)
	for _, ref := range []string{"docker.io/alpine:3", "registry-1.docker.io/org/app:v1", "ghcr.io/org/app:v1", "ghcr.io/a:v1", "app:v1", "zoo/app:v1"} {
		g, err := content.ParseGenerate(ref)
		require.NoError(t, err)
		_, err = g.Into(t.Context(), s)
		require.NoError(t, err, ref)
	}
	for want, part := range map[string]registry.Store{
		"library/alpine org/app": hub, "a org/app": ghcr, "app zoo/app": main,
		"app docker.io/library/alpine docker.io/org/app ghcr.io/a ghcr.io/org/app zoo/app": s,
	} {
		assert.Equal(t, want, names(t, part, ""))
	}
	for after, want := range map[string]string{
		"docker.io":                "docker.io/library/alpine docker.io/org/app ghcr.io/a ghcr.io/org/app zoo/app",
		"docker.io/library/alpine": "docker.io/org/app ghcr.io/a ghcr.io/org/app zoo/app",
		"ghcr.io/b":                "ghcr.io/org/app zoo/app", "ghcr.io0": "zoo/app", "zzz": "",
	} {
		assert.Equal(t, want, names(t, s, after), after)
	}
	g, err := content.ParseGenerate("quay.io/org/app:v1")
	require.NoError(t, err)
	_, err = g.Into(t.Context(), s)
	require.ErrorContains(t, err, "no registry is mapped to the host quay.io: add it to --hosts")

	clone := s.Clone()
	bytes := s.Bytes()
	require.NoError(t, s.DeleteManifest(t.Context(), "ghcr.io/a", "v1", registry.Precondition{}))
	_, err = ghcr.Manifest(t.Context(), "a", "v1")
	require.ErrorIs(t, err, registry.ManifestUnknown)
	s.Restore(clone)
	_, err = ghcr.Manifest(t.Context(), "a", "v1")
	require.NoError(t, err)
	assert.Equal(t, bytes, s.Bytes())

	m, err := s.Manifest(t.Context(), "ghcr.io/a", "v1")
	require.NoError(t, err)
	for d, err := range s.Blobs(t.Context(), "ghcr.io/a", "") {
		require.NoError(t, err)
		require.ErrorIs(t, s.MountBlob(t.Context(), "docker.io/x/y", d.Digest, "ghcr.io/a"), registry.BlobUnknown)
		require.NoError(t, s.MountBlob(t.Context(), "ghcr.io/b", d.Digest, "ghcr.io/a"))
		in := ""
		for repo, err := range s.BlobRepositories(t.Context(), d.Digest) {
			require.NoError(t, err)
			in += repo + " "
		}
		assert.Equal(t, "ghcr.io/a ghcr.io/b ", in)
	}
	assert.NotEmpty(t, m.Content)
}

func names(t *testing.T, s registry.Store, after string) (list string) {
	t.Helper()
	for name, err := range s.Repositories(t.Context(), after) {
		require.NoError(t, err)
		if list != "" {
			list += " "
		}
		list += name
	}
	return list
}
