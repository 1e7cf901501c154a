package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// CheckOptions configures [Check].
type CheckOptions struct {
	AllowSparse  bool // accept manifests with missing references
	AllowUploads bool // accept open upload sessions
}

// Check checks that the content of a Store is consistent:
//
//   - every blob and manifest matches its digest and size, and is visible where it
//     is listed;
//   - every manifest is well-formed, and its required references exist;
//   - every descriptor in a manifest, including the subject, has the size of the
//     existing content with its digest, and the media type if that is a manifest;
//   - every tag refers to a manifest of its repository;
//   - the referrers of a manifest are the manifests with this subject;
//   - there are no open upload sessions.
//
// The error joins all violations, each with its repository and digest. Check reads all content. It
// may report content that changes concurrently.
func Check(ctx context.Context, store registry.Store, o CheckOptions) error {
	c := &checker{ctx: ctx, store: store, options: o}
	for repo, err := range store.Repositories(ctx, "") {
		if err != nil {
			c.report("list the repositories: %w", err)
			break
		}
		c.checkRepository(repo)
	}
	c.checkUploads()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	return errors.Join(c.violations...)
}

type checker struct {
	ctx        context.Context
	store      registry.Store
	options    CheckOptions
	violations []error
}

func (c *checker) report(format string, args ...any) {
	c.violations = append(c.violations, fmt.Errorf(format, args...))
}

// contents is the listed content of a repository.
type contents struct {
	name      string
	blobs     map[digest.Digest]ocispec.Descriptor
	manifests map[digest.Digest]registry.PutManifest // the zero value for invalid manifests
}

func (c *checker) checkRepository(repo string) {
	r := contents{repo, make(map[digest.Digest]ocispec.Descriptor), make(map[digest.Digest]registry.PutManifest)}
	for desc, err := range c.store.Blobs(c.ctx, repo, "") {
		if err != nil {
			c.report("%s: list the blobs: %w", repo, err)
			break
		}
		r.blobs[desc.Digest] = desc
		if err := c.checkBlob(repo, desc); err != nil {
			c.report("%s: blob %s: %w", repo, desc.Digest, err)
		}
	}
	for desc, err := range c.store.Manifests(c.ctx, repo, "") {
		if err != nil {
			c.report("%s: list the manifests: %w", repo, err)
			break
		}
		m, err := c.checkManifest(repo, desc)
		if err != nil {
			c.report("%s: manifest %s: %w", repo, desc.Digest, err)
		}
		r.manifests[desc.Digest] = m
	}
	c.checkReferences(r)
	c.checkReferrers(r)
	c.checkTags(r)
}

func (c *checker) checkBlob(repo string, desc ocispec.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return err
	}
	b, err := c.store.OpenBlob(c.ctx, repo, desc.Digest)
	if err != nil {
		return err
	}
	err = c.checkContent(b, desc)
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	for name, err := range c.store.BlobRepositories(c.ctx, desc.Digest) {
		if err != nil {
			return err
		}
		if name == repo {
			return nil
		}
	}
	return errors.New("the repository is not listed for this blob")
}

func (c *checker) checkContent(b registry.Blob, desc ocispec.Descriptor) error {
	if b.Size() != desc.Size {
		return fmt.Errorf("size is %d, but %d is listed", b.Size(), desc.Size)
	}
	hash := desc.Digest.Algorithm().Digester()
	n, err := b.WriteRange(contextWriter{c.ctx, hash.Hash()}, 0, b.Size())
	switch {
	case err != nil:
		return err
	case n != desc.Size:
		return fmt.Errorf("only %d of %d bytes are readable", n, desc.Size)
	case hash.Digest() != desc.Digest:
		return fmt.Errorf("the content has digest %s", hash.Digest())
	}
	return nil
}

// contextWriter fails after its context ends.
type contextWriter struct {
	ctx context.Context
	io.Writer
}

func (w contextWriter) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

// checkManifest compares a manifest with its listed descriptor and its content.
func (c *checker) checkManifest(repo string, listed ocispec.Descriptor) (registry.PutManifest, error) {
	if err := listed.Digest.Validate(); err != nil {
		return registry.PutManifest{}, err
	}
	m, err := c.store.Manifest(c.ctx, repo, string(listed.Digest))
	if err != nil {
		return registry.PutManifest{}, err
	}
	if d := listed.Digest.Algorithm().FromBytes(m.Content); d != listed.Digest {
		return registry.PutManifest{}, fmt.Errorf("the content has digest %s", d)
	}
	parsed, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
	if err != nil {
		return registry.PutManifest{}, err
	}
	parsed.Descriptor.Digest = listed.Digest
	if !sameDescriptor(m.Descriptor, parsed.Descriptor) {
		err = fmt.Errorf("descriptor is %s, but the content requires %s", encode(m.Descriptor), encode(parsed.Descriptor))
	}
	if !sameDescriptor(listed, m.Descriptor) {
		err = errors.Join(err, fmt.Errorf("descriptor is %s, but %s is listed", encode(listed), encode(m.Descriptor)))
	}
	return parsed, err
}

func sameDescriptor(a, b ocispec.Descriptor) bool {
	if len(a.Annotations) == 0 && len(b.Annotations) == 0 {
		a.Annotations, b.Annotations = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func (c *checker) checkReferences(r contents) {
	for _, d := range sortedKeys(r.manifests) {
		for _, ref := range r.manifests[d].Require {
			ref.Optional = ref.Optional || c.options.AllowSparse
			err := r.judge(ref)
			switch {
			case errors.Is(err, registry.ManifestBlobUnknown):
				c.report("%s: manifest %s: refers to %s, a %s that does not exist", r.name, d, ref.Digest, ref.MediaType)
			case err != nil:
				c.report("%s: manifest %s: %w", r.name, d, err)
			}
		}
	}
}

// judge checks a reference against the listed content. Problems of the target manifest itself are
// reported elsewhere.
func (r contents) judge(ref registry.Reference) error {
	var blob, manifest *ocispec.Descriptor
	if desc, ok := r.blobs[ref.Digest]; ok {
		blob = &desc
	}
	if m, ok := r.manifests[ref.Digest]; ok {
		if manifest = &m.Descriptor; m.Content == nil {
			manifest = &ref.Descriptor
		}
	}
	return ref.Judge(r.name, blob, manifest)
}

// checkReferrers checks the referrers of all digests in the repository.
func (c *checker) checkReferrers(r contents) {
	expected := make(map[digest.Digest]map[digest.Digest]bool)
	for d := range r.blobs {
		expected[d] = nil
	}
	for d, m := range r.manifests {
		if expected[m.Subject] == nil {
			expected[m.Subject] = make(map[digest.Digest]bool)
		}
		expected[m.Subject][d] = true
		if _, ok := expected[d]; !ok {
			expected[d] = nil
		}
	}
	delete(expected, "")
	for _, subject := range sortedKeys(expected) {
		c.checkReferrersOf(r, subject, expected[subject])
	}
}

func (c *checker) checkReferrersOf(r contents, subject digest.Digest, missing map[digest.Digest]bool) {
	for desc, err := range c.store.Referrers(c.ctx, r.name, subject, "") {
		if err != nil {
			c.report("%s: list the referrers of %s: %w", r.name, subject, err)
			return
		}
		m, ok := r.manifests[desc.Digest]
		if ok && m.Content == nil {
			continue // reported before; the subject is unknown
		}
		if !missing[desc.Digest] {
			c.report("%s: %s is listed as a referrer of %s, but does not have this subject, or is listed twice", r.name, desc.Digest, subject)
			continue
		}
		delete(missing, desc.Digest)
		if !sameDescriptor(desc, m.Descriptor) {
			c.report("%s: referrer %s of %s: listed as %s, but its descriptor is %s", r.name, desc.Digest, subject, encode(desc), encode(m.Descriptor))
		}
	}
	for _, d := range sortedKeys(missing) {
		c.report("%s: %s is not listed as a referrer of its subject %s", r.name, d, subject)
	}
}

func (c *checker) checkTags(r contents) {
	for tag, err := range c.store.Tags(c.ctx, r.name, "") {
		if err != nil {
			c.report("%s: list the tags: %w", r.name, err)
			return
		}
		if _, ok := r.manifests[tag.Digest]; !ok {
			c.report("%s: tag %s refers to %s, which is not a manifest of the repository", r.name, tag.Name, tag.Digest)
			continue
		}
		m, err := c.store.Manifest(c.ctx, r.name, tag.Name)
		if err == nil && m.Descriptor.Digest != tag.Digest {
			err = fmt.Errorf("it resolves to %s", m.Descriptor.Digest)
		}
		if err != nil {
			c.report("%s: tag %s is listed on %s: %w", r.name, tag.Name, tag.Digest, err)
		}
	}
}

func (c *checker) checkUploads() {
	if c.options.AllowUploads {
		return
	}
	for id, err := range c.store.Uploads(c.ctx, "") {
		if err != nil {
			c.report("list the uploads: %w", err)
			return
		}
		c.report("upload %s is open", id)
	}
}
