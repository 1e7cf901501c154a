package registrytest

import (
	"fmt"
	"testing"

	"github.com/ocifake/ocifake/internal/content"
)

// Load puts the content of an OCI image layout, or of the output of docker save, into the
// registry. The path is a directory, a tar or a gzip-compressed tar. Load returns the loaded
// images in the order of the layout's index, or of docker save's manifest.json.
//
// The content goes into the given repository, and the tags come from the names in the
// archive: "v1", "app:v1" and "docker.io/library/app:v1" all give the tag v1. If the
// repository is empty, it comes from the name, without the host: app or library/app. Then a
// name with only a tag is an error. The name of an image is that of docker save (RepoTags),
// or the annotation io.containerd.image.name, or org.opencontainers.image.ref.name. An image
// without a name is found by its digest.
//
// Load verifies all digests and sizes, and sets tags only if all are right. Missing
// references are an error, unless the registry has AllowSparse or the layout is a snapshot of
// ocifake, which is restored as it was. The blobs of a directory are not copied: they must
// not change while the registry is in use. Layers that docker save left uncompressed become
// gzip streams with stored blocks.
//
// If loading fails, the test fails and ends.
func (r *Registry) Load(t testing.TB, repository, path string) []Pushed {
	t = r.test(t)
	t.Helper()
	ctx := contextOf(t)
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
