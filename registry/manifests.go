package registry

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Manifests: end-3 GET and HEAD ("Pulling manifests"), end-7 PUT ("Pushing
// Manifests", "Pushing Manifests with Subject"), end-9 DELETE ("Deleting
// Manifests", "Deleting tags").
//
//   - A PUT is accepted if the media type is known, body and Content-Type agree,
//     the digest in the URL is the content's, and every reference exists in the
//     repository; see [ParseManifest]. The size of a reference, and the media type
//     of one that is a manifest, must be those of what exists, also of a subject
//     and of references that may be missing. Many registries check less.
//   - JSON that parsers read differently is refused, as are media types that are
//     none (RFC 6838) and null for what is defined; see shape.go.
//   - tag parameters set further tags on a manifest that is put by digest.
//   - If-Match and If-None-Match of PUT and DELETE are judged in the same step.
//   - Accept is ignored unless StrictAccept is set; an index is never turned into
//     one of its children.

func (c *call) getManifest() error {
	ref := c.target()
	if !validReference(ref) {
		return &Error{Cause: referenceInvalid, Message: fmt.Sprintf("%q is neither a tag nor a sha256 or sha512 digest", ref)}
	}
	m, err := c.manifest(ref)
	if err != nil {
		return c.about(err)
	}
	if !c.acceptable(m.Descriptor.MediaType) {
		return &Error{Cause: notAcceptable, Message: fmt.Sprintf(
			"the manifest is a %s, which the request does not accept", m.Descriptor.MediaType)}
	}
	c.set("Docker-Content-Digest", string(m.Descriptor.Digest), "Etag", quote(m.Descriptor.Digest))
	if c.options.dialect.ServeManifests {
		c.set("Content-Type", m.Descriptor.MediaType)
		return c.serveContent(bytes.NewReader(m.Content), int64(len(m.Content)), "manifest.serve-content")
	}
	if done, err := c.notModified(m.Descriptor.Digest); done || err != nil {
		return err
	}
	c.send(http.StatusOK, m.Descriptor.MediaType, m.Content)
	return nil
}

// acceptable reports whether the client accepts a manifest with this type.
func (c *call) acceptable(mediaType string) bool {
	accept := c.r.Header["Accept"]
	switch {
	case !c.options.StrictAccept:
		return true
	case !c.options.dialect.NeedAccept:
		return accepts(accept, mediaType)
	}
	return mediaType != ocispec.MediaTypeImageManifest && mediaType != ocispec.MediaTypeImageIndex || names(accept, mediaType)
}

// reference is the tag or digest in the URL.
func (c *call) reference() string {
	if c.info.Digest != "" {
		return string(c.info.Digest)
	}
	return c.info.Tag
}

func validReference(ref string) bool {
	return op.ValidTag(ref) || op.ValidDigest(digest.Digest(ref))
}

// mediaType is a Content-Type without its parameters.
func mediaType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType
	}
	return t
}

func (c *call) putManifest() error {
	if c.r.Header.Get("Content-Range") != "" { // RFC 9110, 14.5
		return &Error{Cause: Unsupported, Message: "a manifest cannot be put in parts, as Content-Range says"}
	}
	tags, refused := c.tagsToSet()
	if refused != nil && !c.options.dialect.ContentFirst {
		return refused
	}
	content, err := c.readManifest()
	if err != nil {
		return err
	}
	m, err := c.parseManifest(content)
	if err := cmp.Or(err, refused); err != nil {
		return err
	}
	if want := c.info.Digest; op.ValidDigest(want) {
		m.Descriptor.Digest = c.manifestDigest(content)
		if m.Descriptor.Digest != want && !c.options.dialect.AnyDigest {
			return &Error{Cause: DigestInvalid, Message: "the manifest does not have the digest in the URL",
				Detail: map[string]string{"digest": string(want), "computed": string(m.Descriptor.Digest)}}
		}
	}
	c.state.SetVerified(m.Descriptor.Digest)
	if m.Subject != "" && c.options.dialect.RefuseSubject {
		return &Error{Cause: subjectRefused, Message: "manifests with a subject are not supported"}
	}
	if err := c.checkLayers(m); err != nil {
		return err
	}
	if c.options.dialect.ConfigType {
		m.Descriptor.ArtifactType = configType(content)
	}
	m.Ref, m.Tags = c.reference(), tags
	if c.info.Digest != "" {
		m.Ref = string(m.Descriptor.Digest)
	}
	m.Precondition = c.precondition()
	m.ImmutableTags = c.options.ImmutableTags
	if err := c.refuseSame(tags); err != nil {
		return err
	}
	if c.options.dialect.AnyDescriptor {
		if err := c.correct(m.Require); err != nil {
			return err
		}
	}
	if c.options.AllowSparse {
		for i := range m.Require {
			m.Require[i].Optional = true
		}
	}
	if err := c.shareBlobs(m); err != nil {
		return c.about(err)
	}
	before, err := c.tagged(tags)
	if err != nil {
		return err
	}
	if err := c.store.PutManifest(c.ctx(), c.info.Repo, m); err != nil {
		return c.about(err)
	}
	if err := c.dropUntagged(before); err != nil {
		return err
	}
	if c.options.dialect.TagsOfDeleted != TagsDeleted {
		c.options.speech.deleted.set(c.info.Repo, m.Descriptor.Digest, false)
	}
	c.set("Location", c.manifestURL(string(m.Descriptor.Digest)), "Docker-Content-Digest", string(m.Descriptor.Digest))
	if m.Subject != "" && !c.options.NoReferrers {
		c.header().Set("OCI-Subject", string(m.Subject))
	}
	if !c.options.dialect.EachOCITag {
		tags = c.info.Tags
	}
	for _, tag := range tags {
		c.header().Add("OCI-Tag", tag)
	}
	if c.options.dialect.EchoManifest {
		c.state.AddTrait("manifest.put-body")
		c.send(http.StatusCreated, m.Descriptor.MediaType, content)
		return nil
	}
	return c.sendStatus(http.StatusCreated)
}

// tagsToSet is the tag in the URL, or the tag parameters of a PUT by digest.
func (c *call) tagsToSet() ([]string, error) {
	if len(c.info.Tags) > c.options.maxTags() {
		return nil, &Error{Cause: TooManyTags, Message: fmt.Sprintf(
			"%d tag parameters: at most %d in one request", len(c.info.Tags), c.options.maxTags())}
	}
	tags := c.info.Tags
	if c.info.Digest == "" {
		if len(tags) > 0 {
			return nil, &Error{Cause: Unsupported, Message: "tag parameters need a manifest that is put by digest"}
		}
		tags = []string{c.info.Tag}
	} else if !op.ValidDigest(c.info.Digest) && !c.options.dialect.AnyReference {
		return nil, c.malformedDigest()
	}
	for _, tag := range tags {
		if !op.ValidTag(tag) {
			return nil, &Error{Cause: tagInvalid, Message: fmt.Sprintf("%q is not a tag", tag), Detail: map[string]string{"tag": tag}}
		}
	}
	return tags, nil
}

// readManifest reads the body up to the size limit.
func (c *call) readManifest() ([]byte, error) {
	limit := c.options.maxManifest()
	tooLarge := &Error{Cause: TooLarge, Message: fmt.Sprintf("a manifest has at most %d bytes", limit)}
	if c.content.length > limit {
		return nil, tooLarge
	}
	content, err := io.ReadAll(io.LimitReader(c.content, limit+1))
	if err != nil {
		return nil, brokeOff(ManifestInvalid, err)
	}
	if int64(len(content)) > limit {
		return nil, tooLarge
	}
	return content, nil
}

func (c *call) deleteManifest() error {
	if err := c.checkDigest(); err != nil {
		return err
	}
	return c.deleteReference()
}

func (c *call) deleteTag() error {
	if !op.ValidTag(c.info.Tag) {
		return &Error{Cause: tagInvalid, Message: fmt.Sprintf("%q is not a tag", c.info.Tag)}
	}
	return c.deleteReference()
}

func (c *call) deleteReference() error {
	if c.info.Digest != "" {
		if err := c.keepReferenced(c.info.Digest); err != nil {
			return err
		}
	}
	ref, err := c.withTag()
	if err != nil {
		return c.about(err)
	}
	if c.options.dialect.TagsOfDeleted != TagsDeleted {
		err = c.deleteManifestOnly(ref, c.precondition())
	} else {
		err = c.store.DeleteManifest(c.ctx(), c.info.Repo, ref, c.precondition())
	}
	if err != nil {
		return c.about(err)
	}
	c.notePopulated()
	return c.sendStatus(http.StatusAccepted)
}
