package registrytest_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registrytest"
)

// shelf is what the registries of these tests have in the repository app. It is
// the same each time.
type shelf struct {
	small, other, big ocispec.Descriptor // blobs of 1000 and 500 bytes, and of 1 MiB and 4 KiB
	bytes             map[string][]byte  // of blobs, by digest
	v1, v2            registrytest.Pushed
	store             *memstore.Store // to be cloned
}

const bigSize = 1<<20 + 4096

func newShelf(t testing.TB) *shelf {
	t.Helper()
	s := &shelf{bytes: map[string][]byte{}, store: memstore.New(memstore.Options{})}
	reg, err := registrytest.Start(registrytest.WithInMemory(), registrytest.WithStore(s.store))
	require.NoError(t, err)
	for i, blob := range []struct {
		desc *ocispec.Descriptor
		size int64
	}{{&s.small, 1000}, {&s.other, 500}, {&s.big, bigSize}} {
		content := images.RandomContent(uint64(i), blob.size)
		*blob.desc = reg.PushBlob(t, "app", content)
		all, err := io.ReadAll(io.NewSectionReader(content, 0, blob.size))
		require.NoError(t, err)
		s.bytes[string(blob.desc.Digest)] = all
	}
	s.v1 = reg.Push(t, "app:v1", images.Artifact("a/v1"))
	s.v2 = reg.Push(t, "app:v2", images.Artifact("a/version2"))
	require.NoError(t, reg.Close())
	return s
}

// each runs a check in every one of the forms, with a registry that has the content.
func (s *shelf) each(t *testing.T, forms []wireForm, check func(t *testing.T, w *wire)) {
	t.Helper()
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			if form.memory {
				synctest.Test(t, func(t *testing.T) { check(t, s.start(t, form)) })
			} else {
				check(t, s.start(t, form))
			}
		})
	}
}

func (s *shelf) start(t testing.TB, form wireForm, more ...registrytest.Option) *wire {
	t.Helper()
	opts := []registrytest.Option{registrytest.WithStore(s.store.Clone())}
	opts = append(append(opts, form.options...), more...)
	return &wire{wireForm: form, shelf: s, reg: registrytest.New(t, opts...)}
}

// blob asks for a blob of the shelf.
func (s *shelf) blob(d ocispec.Descriptor) rawAsk { return inApp("blobs/" + string(d.Digest)) }

// expand puts the digest of the blob of 1000 bytes into a text.
func (s *shelf) expand(text string) string {
	return strings.ReplaceAll(text, "{digest}", string(s.small.Digest))
}
