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

// Tags returns the tags of a repository in bytewise order, or nil if the repository does not
// exist.
func (r *Registry) Tags(t testing.TB, repository string) []string {
	t = r.test(t)
	t.Helper()
	var names []string
	for tag, err := range r.Store().Tags(contextOf(t), r.parse(repository).repository, "") {
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

// Pushed returns the descriptors of an image, an index or an artifact in the registry,
// "app:v1" or "app@sha256:…". If there is none, the test fails and ends. Its Tags has only
// the tag of the reference.
func (r *Registry) Pushed(t testing.TB, ref string) Pushed {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	ctx := contextOf(t)
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

// Image returns an image in the registry for the functions of go-containerregistry:
// validate.Image(reg.Image(t, "app:v1")). It reads from the store, without a request. If
// there is no such image, the test fails and ends.
func (r *Registry) Image(t testing.TB, ref string) v1.Image {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	image, err := r.to(at.repository).Image(contextOf(t), at.manifest())
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %s: %w", ref, err))
	}
	return image
}

// Index is like [Registry.Image] for an index.
func (r *Registry) Index(t testing.TB, ref string) v1.ImageIndex {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	index, err := r.to(at.repository).Index(contextOf(t), at.manifest())
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: %s: %w", ref, err))
	}
	return index
}

// Delete deletes from the store a tag, "app:v1", or the manifest or blob with a digest,
// "app@sha256:…". Deleting a manifest deletes its tags. If there is no such tag, manifest or
// blob, the test fails and ends.
func (r *Registry) Delete(t testing.TB, ref string) {
	t = r.test(t)
	t.Helper()
	at := r.parse(ref)
	if err := r.delete(contextOf(t), at); err != nil {
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

// Snapshot writes the content of the registry, or of the given repositories, into a file, as
// a tar of an OCI image layout that [Registry.Load] restores. It replaces an existing file.
// If writing fails, the test fails and ends.
func (r *Registry) Snapshot(t testing.TB, path string, repositories ...string) {
	t = r.test(t)
	t.Helper()
	store := r.Store()
	if memory, ok := store.(*memstore.Store); ok {
		store = memory.Clone() // clients cannot change the clone
	}
	err := replaceFile(path, func(w io.Writer) error {
		return content.Snapshot(contextOf(t), store, w, repositories...)
	})
	if err != nil {
		t.Fatal(fmt.Errorf("registrytest: snapshot: %w", err))
	}
}

// replaceFile writes a new file and renames it to path, so that an existing file is kept if
// writing fails.
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

// Reset restores the state in which the registry was started, for a registry that several
// tests share: the content is that of the store at the start, upload sessions are cancelled,
// the record is empty, and tokens are revoked. Rules stay, because they belong to the tests
// that injected them. Reset fails t if the store is not a memstore.
func (r *Registry) Reset(t testing.TB) {
	t = r.test(t)
	t.Helper()
	memory, ok := r.store.(*memstore.Store)
	if !ok {
		t.Fatalf("registrytest: reset: %s cannot be restored: want a memstore", r.contentOf())
	}
	began := r.began
	if r.replay != nil {
		if began = r.replay.Initial(); began == nil {
			return // nothing has been asked yet
		}
	}
	memory.Restore(began)
	r.registry.SetOptions(r.registry.Options()) // forgets what a dialect has noted
	if r.service != nil {
		r.service.RevokeAll()
	}
	r.Forget()
}

// contentOf names the store of the registry in messages.
func (r *Registry) contentOf() string {
	switch r.foreign {
	case "WithHandler":
		return "the handler of WithHandler"
	case "WithUpstream":
		return "the upstream registry"
	}
	return fmt.Sprintf("a %T", r.store)
}

// Check fails the test, without ending it, if the content of the registry is inconsistent, and
// reports all violations. Each blob and manifest must have its digest and size. Each
// reference must exist, unless the registry has AllowSparse, and must have the size of its
// target and the media type if the target is a manifest. Each tag must refer to a manifest,
// the referrers must be the manifests with that subject, and no upload may be open. Check
// reads all content.
func (r *Registry) Check(t testing.TB) {
	t = r.test(t)
	t.Helper()
	err := content.Check(contextOf(t), r.Store(), content.CheckOptions{AllowSparse: r.Options().AllowSparse})
	if err != nil {
		t.Errorf("registrytest: the content is not consistent:\n%v", err)
	}
}
