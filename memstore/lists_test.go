package memstore_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// filled is a store with n of everything in the repository app, and neighbours
// that sort just before and after it.
func filled(t *testing.T, n int) (s *memstore.Store, subject, blob digest.Digest) {
	s = memstore.New(memstore.Options{})
	subject = digest.FromString("subject")
	blob = push(t, s, "app", "shared")
	for _, repo := range []string{"ap", "app", "app-1", "app/1"} {
		for i := range n {
			m := putManifest(fmt.Sprint(i), fmt.Sprintf("v%d", i))
			m.Subject = subject
			require.NoError(t, s.PutManifest(t.Context(), repo, m))
			push(t, s, repo, fmt.Sprint("blob", i))
			require.NoError(t, s.MountBlob(t.Context(), fmt.Sprintf("%s/%d", repo, i), blob, "app"))
			_, err := s.NewUpload(t.Context(), repo, digest.SHA256)
			require.NoError(t, err)
		}
	}
	return s, subject, blob
}

// names makes of any list one of names, after one of them where it takes that.
type names func(ctx context.Context, after string) iter.Seq2[string, error]

func listsOf(s *memstore.Store, subject, blob digest.Digest) map[string]names {
	return map[string]names{
		"Repositories": func(ctx context.Context, after string) iter.Seq2[string, error] { return s.Repositories(ctx, after) },
		"Tags": func(ctx context.Context, after string) iter.Seq2[string, error] {
			return renamed(s.Tags(ctx, "app", after), func(t registry.Tag) string { return t.Name })
		},
		"Manifests": func(ctx context.Context, after string) iter.Seq2[string, error] {
			return renamed(s.Manifests(ctx, "app", digest.Digest(after)), digestOf)
		},
		"Referrers": func(ctx context.Context, after string) iter.Seq2[string, error] {
			return renamed(s.Referrers(ctx, "app", subject, digest.Digest(after)), digestOf)
		},
		"Blobs": func(ctx context.Context, after string) iter.Seq2[string, error] {
			return renamed(s.Blobs(ctx, "app", digest.Digest(after)), digestOf)
		},
		"BlobRepositories": func(ctx context.Context, _ string) iter.Seq2[string, error] { return s.BlobRepositories(ctx, blob) },
		"Uploads":          func(ctx context.Context, _ string) iter.Seq2[string, error] { return s.Uploads(ctx, "app") },
	}
}

func digestOf(d ocispec.Descriptor) string { return string(d.Digest) }

func renamed[T any](list iter.Seq2[T, error], name func(T) string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for item, err := range list {
			if !yield(name(item), err) {
				return
			}
		}
	}
}

func TestLists(t *testing.T) {
	const n = 150
	s, subject, blob := filled(t, n)
	lengths := map[string]int{"Repositories": 3 + 4*n, "Blobs": n + 1, "BlobRepositories": 4*n + 1}
	for name, list := range listsOf(s, subject, blob) {
		t.Run(name, func(t *testing.T) {
			all := collect(t, list(t.Context(), ""))
			want, ok := lengths[name]
			if !ok {
				want = n
			}
			require.Equal(t, want, len(all))
			assert.True(t, slices.IsSorted(all))
			assert.Len(t, slices.Compact(all), want)
			if name == "BlobRepositories" || name == "Uploads" {
				return
			}
			assert.Equal(t, all[6:], collect(t, list(t.Context(), all[5])))
			assert.Equal(t, all[6:], collect(t, list(t.Context(), all[5]+"\x00")), "after a name that is not there")
			assert.Empty(t, collect(t, list(t.Context(), all[len(all)-1])))
		})
	}
}

// A list shows what was there when it began, and its caller may meanwhile do
// what it likes with the store.
func TestListsShowOneMoment(t *testing.T) {
	const n = 150
	for _, name := range []string{"Repositories", "Tags", "Manifests", "Referrers", "Blobs", "BlobRepositories", "Uploads"} {
		t.Run(name, func(t *testing.T) {
			s, subject, blob := filled(t, n)
			list := listsOf(s, subject, blob)[name]
			want := collect(t, list(t.Context(), ""))
			var got []string
			for item, err := range list(t.Context(), "") {
				require.NoError(t, err)
				if len(got) == 0 {
					change(t, s, n)
				}
				got = append(got, item)
			}
			assert.Equal(t, want, got)
			assert.NotEqual(t, want, collect(t, list(t.Context(), "")))
		})
	}
}

// change changes everything in the repository app.
func change(t *testing.T, s *memstore.Store, n int) {
	for i := range n {
		require.NoError(t, s.DeleteManifest(t.Context(), "app", string(digest.FromString(fmt.Sprint(i))), registry.Precondition{}))
		require.NoError(t, s.DeleteBlob(t.Context(), "app", digest.FromString(fmt.Sprint("blob", i))))
		push(t, s, fmt.Sprint("another", i), "shared")
		newUpload(t, s, digest.SHA256)
	}
}

func TestListsOfNothing(t *testing.T) {
	s := memstore.New(memstore.Options{})
	for name, list := range listsOf(s, digest.FromString("subject"), digest.FromString("blob")) {
		if name != "Tags" {
			assert.Empty(t, collect(t, list(t.Context(), "")), name)
		}
	}
	for _, err := range s.Tags(t.Context(), "app", "") {
		assert.ErrorIs(t, err, registry.NameUnknown)
	}
	blob := push(t, s, "app", "x")
	require.NoError(t, s.DeleteBlob(t.Context(), "app", blob))
	assert.Empty(t, collect(t, s.Tags(t.Context(), "app", "")), "a repository that is empty exists")
}

func TestListsEndWithTheirContext(t *testing.T) {
	s, subject, blob := filled(t, 3)
	for name, list := range listsOf(s, subject, blob) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var got []error
			for _, err := range list(ctx, "") {
				got = append(got, err)
				cancel()
			}
			assert.Equal(t, []error{nil, context.Canceled}, got)
			for _, err := range list(ctx, "") {
				assert.Equal(t, context.Canceled, err)
			}
		})
	}
}

// Readers of snapshots and of the store itself, clones and writers at once: for
// the race detector, and that nobody sees half a change.
func TestListsConcurrently(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	require.NoError(t, s.PutManifest(ctx, "app", putManifest("0", "a", "b")))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			store := s
			if i == 3 {
				store = s.Clone()
			}
			for k := range 200 {
				m := putManifest(fmt.Sprint(i, k), "a", "b", fmt.Sprint("t", i, k))
				assert.NoError(t, store.PutManifest(ctx, "app", m))
				if k%3 == 0 {
					assert.NoError(t, store.DeleteManifest(ctx, "app", string(m.Descriptor.Digest), registry.Precondition{}))
					assert.NoError(t, store.PutManifest(ctx, "app", putManifest(fmt.Sprint(i, k, "again"), "a", "b")))
				}
			}
		})
		wg.Go(func() {
			for range 200 {
				on := map[string]digest.Digest{}
				for tag, err := range s.Clone().Tags(ctx, "app", "") {
					if !assert.NoError(t, err) {
						return
					}
					on[tag.Name] = tag.Digest
				}
				assert.Equal(t, on["a"], on["b"], "both are always set together")
				_, err := s.Manifest(ctx, "app", "nothing")
				assert.ErrorIs(t, err, registry.ManifestUnknown)
			}
		})
	}
	wg.Wait()
}
