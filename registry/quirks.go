package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

// What a registry with a dialect does differently.

// target returns the reference of the manifest that a request is for.
func (c *call) target() string {
	ref := c.reference()
	if !c.options.dialect.DashAlias {
		return ref
	}
	alias := strings.Replace(ref, "-", ":", 1)
	if !op.ValidDigest(digest.Digest(alias)) {
		return ref
	}
	c.state.AddTrait("manifest.dash-alias")
	return alias
}

// refuseSame refuses to push a manifest again to tags that are immutable.
func (c *call) refuseSame(tags []string) error {
	if !c.options.ImmutableTags || !c.options.dialect.ImmutableSame {
		return nil
	}
	for _, tag := range tags {
		switch _, err := c.store.Manifest(c.ctx(), c.info.Repo, tag); {
		case err == nil:
			return &Error{Cause: TagImmutable, Message: fmt.Sprintf("the tag %s exists already and cannot be overwritten", tag),
				Detail: map[string]string{"tag": tag}}
		case !errors.Is(err, ManifestUnknown):
			return err
		}
	}
	return nil
}

// correct makes references agree with what the repository has.
func (c *call) correct(references []Reference) error {
	for i := range references {
		r := &references[i]
		if r.Blob {
			blob, err := c.store.OpenBlob(c.ctx(), c.info.Repo, r.Digest)
			switch {
			case err == nil:
				r.Size = blob.Size()
				blob.Close()
			case !errors.Is(err, BlobUnknown):
				return err
			}
			continue
		}
		m, err := c.store.Manifest(c.ctx(), c.info.Repo, string(r.Digest))
		switch {
		case err == nil:
			r.Size, r.MediaType = m.Descriptor.Size, m.Descriptor.MediaType
		case !errors.Is(err, ManifestUnknown):
			return err
		}
	}
	return nil
}

// checkLayers refuses an image manifest without layers.
func (c *call) checkLayers(m PutManifest) error {
	if !c.options.dialect.RefuseLayerless || forms[m.Descriptor.MediaType].index {
		return nil
	}
	var d document
	if json.Unmarshal(m.Content, &d) != nil || d.Layers == nil || len(*d.Layers) > 0 {
		return nil
	}
	return &Error{Cause: layersMissing, Message: "the manifest has no layers"}
}

// blobType returns the Content-Type of a blob.
func (c *call) blobType(blob Blob) (string, error) {
	const octets = "application/octet-stream"
	which := c.options.dialect.BlobType
	if which == OctetStream {
		return octets, nil
	}
	if which != Sniffed {
		described, err := c.describedType(c.info.Digest)
		if err != nil || described != "" {
			return described, err
		}
	}
	if which == Described {
		return octets, nil
	}
	start := make([]byte, min(blob.Size(), sniffed))
	if _, err := blob.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return http.DetectContentType(start), nil
}

const sniffed = 512 // bytes that show the type of a blob

// describedType returns the media type that a manifest of the repository gives a blob, or "".
func (c *call) describedType(d digest.Digest) (string, error) {
	for m, err := range c.manifests(c.info.Repo) {
		if err != nil {
			return "", err
		}
		parsed, err := ParseManifest(m.Descriptor.MediaType, m.Content)
		if err != nil {
			continue // AllowUnchecked
		}
		for _, r := range parsed.Require {
			if r.Blob && r.Digest == d {
				return r.MediaType, nil
			}
		}
	}
	return "", nil
}

// keepReferenced refuses to delete what a manifest of the repository refers to.
func (c *call) keepReferenced(d digest.Digest) error {
	if !c.options.dialect.DeleteReferenced {
		return nil
	}
	by, err := c.referrerOf(c.info.Repo, d)
	if err != nil || by == "" {
		return err
	}
	return &Error{Cause: referenced, Message: fmt.Sprintf("the manifest %s refers to %s: delete it first", by, d),
		Detail: map[string]string{"digest": string(d)}}
}

// mountReferenced reports whether a mount is allowed with regard to the manifests of the source.
func (c *call) mountReferenced(repo string, d digest.Digest) (bool, error) {
	if c.options.dialect.Mounts != MountReferenced {
		return true, nil
	}
	by, err := c.referrerOf(repo, d)
	if err == nil && by == "" {
		c.state.AddTrait("blob.mount")
	}
	return by != "", err
}

// referrerOf returns the digest of a manifest of the repository that refers to a blob or manifest,
// other than as its subject, or "".
func (c *call) referrerOf(repo string, d digest.Digest) (digest.Digest, error) {
	for m, err := range c.manifests(repo) {
		if err != nil {
			return "", err
		}
		if m.Descriptor.Digest != d && refersToContent(m, d) {
			return m.Descriptor.Digest, nil
		}
	}
	return "", nil
}

// manifests returns the manifests of a repository.
func (c *call) manifests(repo string) iter.Seq2[Manifest, error] {
	return func(yield func(Manifest, error) bool) {
		for listed, err := range c.store.Manifests(c.ctx(), repo, "") {
			var m Manifest
			if err == nil {
				m, err = c.store.Manifest(c.ctx(), repo, string(listed.Digest))
			}
			if errors.Is(err, ManifestUnknown) {
				continue // deleted meanwhile
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// refersToContent reports whether a manifest has a descriptor of content, other than its subject.
func refersToContent(m Manifest, d digest.Digest) bool {
	if !bytes.Contains(m.Content, []byte(d)) {
		return false
	}
	parsed, err := parse(m.Descriptor.MediaType, m.Content, true)
	return err != nil || slices.ContainsFunc(parsed.Require, func(r Reference) bool {
		subject := r.Digest == parsed.Subject && r.Optional && !r.Blob
		return r.Digest == d && !subject
	})
}

// checkStream refuses a chunk without Content-Range after the first.
func (c *call) checkStream(upload Upload, chunk Chunk) error {
	if chunk.Offset != Unknown || upload.Size() == 0 || !c.options.dialect.OneStream {
		return nil
	}
	c.state.AddTrait("upload.stream")
	return &Error{Cause: UploadInvalid, Message: "stream uploads after the first write are not allowed: send Content-Range"}
}

// refuseStale refuses the Location of an earlier answer of a session.
func (c *call) refuseStale(upload Upload) error {
	d := &c.options.dialect
	if !slices.Contains(d.Stale, c.info.Op) {
		return nil
	}
	if d.StaleCancels {
		_ = upload.Cancel(c.ctx()) // it may be gone
	}
	return &Error{Cause: uploadStale, Message: "the upload location is that of an earlier answer: use the last Location"}
}

// uploadLocation returns the Location of an upload session. strict is the one of the strict
// registry, and bare the one without a query.
func (c *call) uploadLocation(bare, strict string) string {
	location := strict
	if c.options.dialect.FixedLocation {
		location = bare
	}
	if name := c.options.dialect.StateParameter; name != "" {
		location = strings.Replace(location, "?"+stateParameter+"=", "?"+name+"=", 1)
	}
	if more := c.options.dialect.UploadQuery; more != "" {
		separator := "?"
		if strings.Contains(location, "?") {
			separator = "&"
		}
		location += separator + more
	}
	return location
}

// setStreamRange sets the Range of the answer to a chunk without Content-Range.
func (c *call) setStreamRange(upload Upload, chunk Chunk) {
	if c.options.dialect.StreamLength && chunk.Offset == Unknown {
		c.header().Set("Range", "0-"+strconv.FormatInt(upload.Size(), 10))
		c.state.AddTrait("upload.stream-range")
	}
}

// setEmptyRange sets the Range of a session without content.
func (c *call) setEmptyRange(upload Upload) {
	if c.options.dialect.NegativeRange && upload.Size() == 0 && !slices.Contains(op.UploadBegin(), c.info.Op) {
		c.header().Set("Range", rangeText(0, 0))
		c.state.AddTrait("upload.range-empty")
	}
}

// session is an upload session as it was before its blob was made.
type session struct {
	Upload
	size int64
}

func (s session) Size() int64 { return s.size }

// sessionOf returns the session that the answer to a closing PUT or a POST describes, or nil.
func (c *call) sessionOf(upload Upload) Upload {
	if !c.options.dialect.CommitState {
		return nil
	}
	return session{upload, upload.Size()}
}

// appendFirst appends the content of a POST to its session, if the answer describes the session.
// It returns the chunk that remains to be committed.
func (c *call) appendFirst(upload Upload, chunk Chunk) (Chunk, error) {
	if !c.options.dialect.CommitState {
		return chunk, nil
	}
	return Chunk{}, upload.Append(c.ctx(), chunk)
}

// commit makes the blob of an upload. It refuses a digest with sha512 if no content has one.
func (c *call) commit(upload Upload, chunk Chunk) error {
	if c.options.dialect.SHA512 == SHA512Wrong && c.info.Digest.Algorithm() == digest.SHA512 {
		c.state.AddTrait("digest.sha512")
		return &Error{Cause: DigestInvalid, Message: fmt.Sprintf("the content does not have the digest %s", c.info.Digest)}
	}
	return upload.Commit(c.ctx(), chunk, c.info.Digest)
}

// manifestDigest returns the digest of a manifest that is pushed by another.
func (c *call) manifestDigest(content []byte) digest.Digest {
	algorithm := c.info.Digest.Algorithm()
	if algorithm == digest.SHA512 && c.options.dialect.SHA512 != SHA512Kept {
		c.state.AddTrait("digest.sha512")
		algorithm = digest.Canonical
	}
	return algorithm.FromBytes(content)
}

// namesSHA256 reports whether answers name the sha256 digest of the blob that the request names by
// sha512.
func (c *call) namesSHA256() bool {
	return c.info.Digest.Algorithm() == digest.SHA512 && c.options.dialect.SHA512 == SHA512Canonical
}

// namedDigest returns the digest that answers give a blob.
func (c *call) namedDigest(blob Blob) (digest.Digest, error) {
	if !c.namesSHA256() {
		return c.info.Digest, nil
	}
	c.state.AddTrait("digest.sha512")
	return digest.Canonical.FromReader(io.NewSectionReader(blob, 0, blob.Size()))
}

// createdDigest returns the digest that the answer gives a blob that was pushed or mounted. The
// repository has a pushed blob by that digest, too.
func (c *call) createdDigest() (digest.Digest, error) {
	if !c.namesSHA256() || c.info.Op == op.BlobMount {
		return c.info.Digest, nil
	}
	blob, err := c.store.OpenBlob(c.ctx(), c.info.Repo, c.info.Digest)
	if err != nil {
		return "", c.about(err)
	}
	defer blob.Close()
	named, err := c.namedDigest(blob)
	if err != nil {
		return "", err
	}
	upload, err := c.store.NewUpload(c.ctx(), c.info.Repo, named.Algorithm())
	if err != nil {
		return "", c.about(err)
	}
	err = upload.Commit(c.ctx(), Chunk{Body: io.NewSectionReader(blob, 0, blob.Size()), Offset: Unknown, Length: blob.Size()}, named)
	if err != nil {
		return "", errors.Join(err, unexpected(upload.Cancel(context.WithoutCancel(c.ctx()))))
	}
	return named, nil
}

// tagged returns the manifests that tags are set on, if one that loses its last tag is deleted.
func (c *call) tagged(tags []string) ([]digest.Digest, error) {
	if !c.options.dialect.DropUntagged {
		return nil, nil
	}
	var list []digest.Digest
	for _, tag := range tags {
		switch m, err := c.store.Manifest(c.ctx(), c.info.Repo, tag); {
		case err == nil:
			list = append(list, m.Descriptor.Digest)
		case !errors.Is(err, ManifestUnknown) && !errors.Is(err, NameUnknown):
			return nil, err
		}
	}
	return list, nil
}

// dropUntagged deletes those of the manifests that no tag is set on.
func (c *call) dropUntagged(list []digest.Digest) error {
	for _, d := range list {
		tagged, err := c.isTagged(d)
		if err != nil {
			return err
		}
		if tagged {
			continue
		}
		c.state.AddTrait("manifest.untagged")
		if err := c.store.DeleteManifest(c.ctx(), c.info.Repo, string(d), Precondition{}); err != nil && !errors.Is(err, ManifestUnknown) {
			return err
		}
	}
	return nil
}

// withTag returns the reference to delete for a tag.
func (c *call) withTag() (string, error) {
	ref := c.target()
	if c.info.Tag == "" || !c.options.dialect.DeleteWithTag {
		return ref, nil
	}
	m, err := c.store.Manifest(c.ctx(), c.info.Repo, ref)
	if err != nil {
		return "", err
	}
	c.state.AddTrait("manifest.delete-tag")
	return string(m.Descriptor.Digest), nil
}
