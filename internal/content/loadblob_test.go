package content

import (
	"testing"

	"github.com/ocifake/ocifake/memstore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is not a manifest is a blob only if the index says that it is content of no
// particular kind.
func TestLoadLooseBlob(t *testing.T) {
	blob := describe(octets, []byte("loose"))
	named := func(name string) ocispec.Descriptor {
		desc := blob
		desc.Annotations = map[string]string{ocispec.AnnotationRefName: name}
		return desc
	}
	tests := map[string]struct {
		desc    ocispec.Descriptor
		options LoadOptions
		missing bool
		want    string // the error; empty if it is loaded
	}{
		"by digest":    {desc: named("app@" + blob.Digest.String())},
		"elsewhere":    {desc: named("app@" + blob.Digest.String()), options: LoadOptions{Repository: "app"}},
		"nameless":     {desc: blob, options: LoadOptions{Repository: "app"}},
		"no place":     {desc: blob, want: "has no name: specify the repository"},
		"with a tag":   {desc: named("app:v1"), want: "cannot be tagged as v1 in app: it is a blob, not a manifest"},
		"other digest": {desc: named("app@sha256:0"), want: `the name "app@sha256:0" is used for ` + blob.Digest.String()},
		"missing":      {desc: named("app@" + blob.Digest.String()), missing: true, want: "missing file, referenced by index.json"},
		"sparse":       {desc: named("app@" + blob.Digest.String()), missing: true, options: LoadOptions{AllowSparse: true}, want: "missing file, referenced by index.json"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSmall()
			s.index = indexOf(tt.desc)
			if !tt.missing {
				s.extra = []entry{blobEntry("loose")}
			}
			store := memstore.New(memstore.Options{})
			loaded, err := Load(t.Context(), store, write(t, archiveOf(t, s.entries()...)), tt.options)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				assertEmpty(t, store)
				return
			}
			require.NoError(t, err)
			assert.Empty(t, loaded)
			b, err := store.OpenBlob(t.Context(), "app", blob.Digest)
			require.NoError(t, err)
			require.NoError(t, b.Close())
			requireConsistent(t, store)
		})
	}
}
