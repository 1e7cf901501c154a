package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/op"
)

// Relaxations: manifests that are not checked, media types that are not known or not
// sent, blobs that every repository has.

// parseManifest is [ParseManifest] with the relaxations of the options and the dialect.
func (c *call) parseManifest(content []byte) (PutManifest, error) {
	mediaType := mediaType(c.r.Header.Get("Content-Type"))
	if c.options.AllowAnyType && mediaType == "" {
		mediaType = guessMediaType(content)
	}
	f, known := forms[mediaType]
	if f.docker && c.options.dialect.RefuseDocker {
		return PutManifest{}, &Error{Cause: typeUnknown, Message: fmt.Sprintf("manifests of the type %s are not supported", mediaType),
			Detail: map[string]string{"mediaType": mediaType}}
	}
	known = known && f.notSupported == ""
	if c.options.AllowUnchecked && (known || c.options.AllowAnyType) || c.options.AllowAnyType && !known {
		return readManifest(mediaType, content), nil
	}
	return parse(mediaType, content, c.options.dialect.AnyDescriptor)
}

// guessMediaType returns the media type that content has as a manifest.
func guessMediaType(content []byte) string {
	var d struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	_ = json.Unmarshal(content, &d) // what is no JSON names nothing, and looks like an image
	switch {
	case d.MediaType != "" && checkMediaType(d.MediaType) == nil:
		return d.MediaType
	case d.Manifests != nil:
		return ocispec.MediaTypeImageIndex
	}
	return ocispec.MediaTypeImageManifest
}

// readManifest is [ParseManifest] for content that is not checked. Fields that are not
// well-formed are as if they were missing.
func readManifest(mediaType string, content []byte) PutManifest {
	m := PutManifest{Manifest: Manifest{
		Descriptor: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))},
		Content:    content,
	}}
	var fields map[string]json.RawMessage
	if json.Unmarshal(content, &fields) != nil {
		return m
	}
	var config, subject ocispec.Descriptor
	_ = json.Unmarshal(fields["config"], &config)
	_ = json.Unmarshal(fields["subject"], &subject)
	if json.Unmarshal(fields["annotations"], &m.Descriptor.Annotations) != nil {
		m.Descriptor.Annotations = nil
	}
	if json.Unmarshal(fields["artifactType"], &m.Descriptor.ArtifactType) != nil || m.Descriptor.ArtifactType == "" {
		m.Descriptor.ArtifactType = config.MediaType
	}
	if refersTo(subject.Digest) {
		m.Subject = subject.Digest
	}
	return m
}

// openBlob opens a blob of the repository, or with SharedBlobs or MountOnHead of any that the caller
// may pull from.
func (c *call) openBlob(d digest.Digest) (Blob, error) {
	blob, err := c.store.OpenBlob(c.ctx(), c.info.Repo, d)
	if c.options.dialect.MountOnHead && errors.Is(err, BlobUnknown) && (c.info.Op == op.BlobHead || c.r.Header.Get("Range") != "") {
		mounted, mountError := c.mountAnywhere(d)
		if !mounted {
			return nil, cmp.Or(mountError, err)
		}
		c.state.AddTrait("blob.scope")
		return c.store.OpenBlob(c.ctx(), c.info.Repo, d)
	}
	if !c.options.SharedBlobs || !errors.Is(err, BlobUnknown) {
		return blob, err
	}
	for repo, listError := range c.store.BlobRepositories(c.ctx(), d) {
		if listError != nil {
			return nil, listError
		}
		if !c.options.allow(c.ctx(), repo, Pull) {
			continue
		}
		if blob, openError := c.store.OpenBlob(c.ctx(), repo, d); !errors.Is(openError, BlobUnknown) {
			return blob, openError
		}
	}
	return nil, err
}

// shareBlobs mounts what a manifest refers to into the repository, as far as others have
// it.
func (c *call) shareBlobs(m PutManifest) error {
	if !c.options.SharedBlobs {
		return nil
	}
	for _, reference := range m.Require {
		if !reference.Blob {
			continue
		}
		if _, err := c.mountAnywhere(reference.Digest); err != nil {
			return err
		}
	}
	return nil
}
