package registrytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// Tags returns the tags of a repository in bytewise order; none if there is no such
// repository.
func (r *Registry) Tags(t testing.TB, repository string) []string {
	t = r.test(t)
	t.Helper()
	var names []string
	for tag, err := range r.Store().Tags(context.Background(), r.parse(repository).repository, "") {
		if errors.Is(err, registry.NameUnknown) {
			return nil
		}
		if err != nil {
			t.Fatal(fmt.Errorf("registrytest: tags of %s: %w", repository, err))
		}
		names = append(names, tag.Name)
	}
	return names
}

// Pushed returns the descriptors of an image, an index or an artifact that is in the
// registry, "app:v1" or "app@sha256:…", whoever pushed it. If there is none, the test
// fails and ends. Its Tags are the one of the reference.
func (r *Registry) Pushed(t testing.TB, ref string) Pushed {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	ctx := context.Background()
	to := r.to(at.repository)
	m, err := to.Store.Manifest(ctx, to.Name, at.manifest())
	var pushed Pushed
	if err == nil {
		pushed, err = describe(ctx, to, m.Descriptor)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %s: %w", ref, err))
	}
	pushed.Tags = at.tags()
	return pushed
}

// Image returns an image that is in the registry, whoever pushed it, for the
// functions of go-containerregistry: validate.Image(reg.Image(t, "app:v1")). It reads
// from the store, without a request. If there is no such image, the test fails and
// ends.
func (r *Registry) Image(t testing.TB, ref string) v1.Image {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	image, err := r.to(at.repository).Image(context.Background(), at.manifest())
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %s: %w", ref, err))
	}
	return image
}

// Index is [Registry.Image] for an index.
func (r *Registry) Index(t testing.TB, ref string) v1.ImageIndex {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	index, err := r.to(at.repository).Index(context.Background(), at.manifest())
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %s: %w", ref, err))
	}
	return index
}

// Delete deletes a tag, "app:v1", or the manifest or the blob with a digest,
// "app@sha256:…", straight from the store. A manifest goes with all tags on it. If
// there is no such thing, the test fails and ends.
func (r *Registry) Delete(t testing.TB, ref string) {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	if err := r.delete(context.Background(), at); err != nil {
		t.Fatal(fmt.Errorf("registrytest: delete %s: %w", ref, err))
	}
}

func (r *Registry) delete(ctx context.Context, at reference) error {
	if at.manifest() == "" {
		return errors.New("want a tag or a digest")
	}
	err := r.Store().DeleteManifest(ctx, at.repository, at.manifest(), registry.Precondition{})
	if at.digest == "" || !errors.Is(err, registry.ManifestUnknown) {
		return err
	}
	if err := r.Store().DeleteBlob(ctx, at.repository, digest.Digest(at.manifest())); err != nil {
		return fmt.Errorf("neither a manifest nor a blob has the digest: %w", err)
	}
	return nil
}

// Snapshot writes the content of the registry, or of some of its repositories, into a
// file, as a tar of an OCI image layout from which [Registry.Load] brings back the
// same. An existing file is replaced. If writing fails, the test fails and ends.
func (r *Registry) Snapshot(t testing.TB, path string, repositories ...string) {
	t = r.test(t)
	t.Helper()
	store := r.Store()
	if memory, ok := store.(*memstore.Store); ok {
		store = memory.Clone() // which no client changes meanwhile
	}
	err := replaceFile(path, func(w io.Writer) error {
		return content.Snapshot(context.Background(), store, w, repositories...)
	})
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: snapshot: %w", err))
	}
}

// replaceFile writes a file beside the one at path and puts it in its place, which
// keeps what was there if writing fails.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// Reset puts the registry back to how it was when it was started, for a registry that
// several tests share: its content is what the store had then, upload sessions end,
// the record is empty, and tokens that were given out are invalid. Rules stay: they
// belong to the tests that injected them. It fails t if the store is not a memstore.
func (r *Registry) Reset(t testing.TB) {
	t = r.test(t)
	t.Helper()
	memory, ok := r.store.(*memstore.Store)
	if !ok {
		t.Fatalf("registrytest: reset: the content of %s cannot be put back: only that of a memstore can", r.contentOf())
	}
	memory.Restore(r.began)
	if r.service != nil {
		r.service.RevokeAll()
	}
	r.Forget()
}

// contentOf says what keeps the registry's content.
func (r *Registry) contentOf() string {
	if r.foreign {
		return "the handler of WithHandler"
	}
	return fmt.Sprintf("a %T", r.store)
}
