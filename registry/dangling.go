package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Deletes of manifests by digest that leave the tags: the manifest stays in the Store until its
// last tag goes, and is not found by its digest meanwhile.

// The values of [Dialect.TagsOfDeleted].
const (
	TagsDeleted = ""       // they are deleted
	TagsServe   = "serve"  // they are on the manifest, as before
	TagsDangle  = "dangle" // they are listed, and their manifest is not found
)

// deletedManifests are the manifests that were deleted by digest, of a registry whose tags stay.
type deletedManifests struct {
	mu  sync.Mutex
	all map[storedManifest]bool
}

type storedManifest struct {
	repo   string
	digest digest.Digest
}

func (d *deletedManifests) has(repo string, m digest.Digest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all[storedManifest{repo, m}]
}

func (d *deletedManifests) set(repo string, m digest.Digest, deleted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !deleted {
		delete(d.all, storedManifest{repo, m})
		return
	}
	if d.all == nil {
		d.all = map[storedManifest]bool{}
	}
	d.all[storedManifest{repo, m}] = true
}

// isDeleted reports whether a manifest of the Store was deleted by digest.
func (c *call) isDeleted(d digest.Digest) bool {
	return c.options.dialect.TagsOfDeleted != TagsDeleted && c.options.speech.deleted.has(c.info.Repo, d)
}

// manifest returns a manifest that was not deleted.
func (c *call) manifest(ref string) (Manifest, error) {
	m, err := c.store.Manifest(c.ctx(), c.info.Repo, ref)
	if err != nil || !c.isDeleted(m.Descriptor.Digest) {
		return m, err
	}
	if c.options.dialect.TagsOfDeleted == TagsServe && ref != string(m.Descriptor.Digest) {
		return m, nil
	}
	return Manifest{}, &Error{Cause: ManifestUnknown, Message: fmt.Sprintf("the manifest %s was deleted", m.Descriptor.Digest)}
}

// deleteManifestOnly deletes a manifest or a tag from a registry whose tags stay.
func (c *call) deleteManifestOnly(ref string, p Precondition) error {
	m, err := c.store.Manifest(c.ctx(), c.info.Repo, ref)
	if err != nil {
		return err
	}
	d, deleted := m.Descriptor.Digest, &c.options.speech.deleted
	if ref == string(d) {
		if _, err := c.manifest(ref); err != nil {
			return err
		}
		tagged, err := c.isTagged(d)
		if err != nil {
			return err
		}
		if tagged {
			deleted.set(c.info.Repo, d, true)
			return nil
		}
	}
	if err := c.store.DeleteManifest(c.ctx(), c.info.Repo, ref, p); err != nil {
		return err
	}
	if !deleted.has(c.info.Repo, d) {
		return nil
	}
	if tagged, err := c.isTagged(d); tagged || err != nil {
		return err
	}
	deleted.set(c.info.Repo, d, false)
	err = c.store.DeleteManifest(context.WithoutCancel(c.ctx()), c.info.Repo, string(d), Precondition{})
	if errors.Is(err, ManifestUnknown) {
		return nil // another request has deleted it
	}
	return err
}

// isTagged reports whether a manifest has a tag.
func (c *call) isTagged(d digest.Digest) (bool, error) {
	for tag, err := range c.store.Tags(c.ctx(), c.info.Repo, "") {
		if err != nil || tag.Digest == d {
			return err == nil, err
		}
	}
	return false, nil
}
