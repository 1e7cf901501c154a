package registrytest

import (
	"context"
	"fmt"
	"testing"

	"github.com/ocifake/ocifake/internal/content"
)

// Load puts what is in an OCI image layout, or in what docker save writes, into
// the registry: a directory, a tar or a gzip-compressed tar, told apart by what
// they are. It returns what was loaded, in the order of the layout's index or of
// docker save's manifest.json.
//
// All goes to the given repository, and the tags come from the names in the
// archive: "v1", "app:v1" and "docker.io/library/app:v1" all give the tag v1. If
// the repository is empty, it comes from the name, without the host: app or
// library/app; a name that is only a tag then fails. A name is that of docker save
// (RepoTags), or else of the annotation io.containerd.image.name, or else
// org.opencontainers.image.ref.name. What has none is found by digest.
//
// Every digest and size is verified, and nothing is tagged unless all is right.
// References that are missing are an error, unless the registry has AllowSparse, or
// the layout is one that ocifake saved: that comes back as it was.
// The blobs of a directory stay there: they must not change while the registry is
// used.
//
// Layers that docker save left uncompressed become gzip streams, without being
// compressed.
//
// If loading fails, the test fails and ends.
func (r *Registry) Load(t testing.TB, repository, path string) []Pushed {
	t = r.test(t)
	t.Helper()
	ctx := context.Background()
	loaded, err := content.Load(ctx, r.Store(), path, content.LoadOptions{
		Repository:  repository,
		AllowSparse: r.Options().AllowSparse,
	})
	var all []Pushed
	for _, l := range loaded {
		var pushed Pushed
		if pushed, err = describe(ctx, r.to(l.Repository), l.Descriptor); err != nil {
			break
		}
		pushed.Tags = l.Tags
		all = append(all, pushed)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %w", err))
	}
	return all
}
