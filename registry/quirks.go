package registry

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
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
	for listed, err := range c.store.Manifests(c.ctx(), repo, "") {
		if err != nil {
			return "", err
		}
		m, err := c.store.Manifest(c.ctx(), repo, string(listed.Digest))
		if errors.Is(err, ManifestUnknown) {
			continue // deleted meanwhile
		}
		if err != nil {
			return "", err
		}
		if listed.Digest != d && refersToContent(m, d) {
			return listed.Digest, nil
		}
	}
	return "", nil
}

// refersToContent reports whether a manifest has a descriptor of content, other than its subject.
func refersToContent(m Manifest, d digest.Digest) bool {
	if !bytes.Contains(m.Content, []byte(d)) {
		return false
	}
	parsed, err := ParseManifest(m.Descriptor.MediaType, m.Content)
	return err != nil || slices.ContainsFunc(parsed.Require, func(r Reference) bool { return r.Digest == d })
}

// checkStream refuses a chunk without Content-Range after the first.
func (c *call) checkStream(upload Upload, chunk Chunk) error {
	if chunk.Offset != Unknown || upload.Size() == 0 || !c.options.dialect.OneStream {
		return nil
	}
	c.state.AddTrait("upload.stream")
	return &Error{Cause: UploadInvalid, Message: "stream uploads after the first write are not allowed: send Content-Range"}
}

// uploadLocation returns the Location of an upload session. strict is the one of the strict
// registry, and bare the one without a query.
func (c *call) uploadLocation(bare, strict string) string {
	location := strict
	if c.options.dialect.FixedLocation {
		location = bare
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

// checkSubject refuses a list of referrers of a manifest that does not exist.
func (c *call) checkSubject() error {
	if !c.options.dialect.RefuseUnknownSubjects {
		return nil
	}
	_, err := c.store.Manifest(c.ctx(), c.info.Repo, string(c.info.Digest))
	if errors.Is(err, ManifestUnknown) {
		return &Error{Cause: subjectUnknown, Message: fmt.Sprintf("there is no manifest %s", c.info.Digest)}
	}
	return err
}

// spokenTags returns a page of tags as the dialect has it, and last of the next page, if any.
func (c *call) spokenTags(p page) (names []string, next string, err error) {
	d := &c.options.dialect
	names = []string{}
	for tag, err := range c.store.Tags(c.ctx(), c.info.Repo, "") {
		if errors.Is(err, NameUnknown) && d.TagsOfUnknown {
			break
		}
		if err != nil {
			return nil, "", err
		}
		names = append(names, tag.Name)
	}
	if len(names) == 0 && d.HideEmpty {
		if err := c.hideEmpty(); err != nil {
			return nil, "", err
		}
	}
	sortTags(names, d.Order)
	if !d.Unpaged {
		if names, next, err = c.turn(names, p); err != nil {
			return nil, "", err
		}
	}
	if len(names) == 0 && d.NullTags {
		names = nil
	}
	return names, next, nil
}

// turn returns the page of a list of tags, and last of the next page, if any.
func (c *call) turn(names []string, p page) (_ []string, next string, err error) {
	d := &c.options.dialect
	if p.last != "" {
		last, ok := readCursor(p.last, d.OpaqueCursor)
		if !ok {
			return nil, "", &Error{Cause: lastUnknown, Message: fmt.Sprintf("last is %q: want that of the Link of the page before", p.last)}
		}
		at := slices.Index(names, last)
		if at < 0 && d.UnknownLast == RefuseUnknown {
			return nil, "", &Error{Cause: lastUnknown, Message: fmt.Sprintf("last is %q, which is not in the list", p.last)}
		}
		switch {
		case at >= 0:
			names = names[at+1:]
		case d.UnknownLast == ListNothing:
			names = names[:0]
		default:
			after := func(name string) bool { return compareTags(d.Order, name, last) > 0 }
			if i := slices.IndexFunc(names, after); i >= 0 {
				names = names[i:]
			} else {
				names = names[:0]
			}
		}
	}
	more := len(names) > p.n
	names = names[:min(p.n, len(names))]
	if len(names) > 0 && (more || d.LinkAlways) {
		next = names[len(names)-1]
		if d.OpaqueCursor {
			next = base64.RawURLEncoding.EncodeToString([]byte("tag:" + next))
		}
	}
	return names, next, nil
}

// hideEmpty returns an error if the repository has no manifests.
func (c *call) hideEmpty() error {
	for _, err := range c.store.Manifests(c.ctx(), c.info.Repo, "") {
		return err
	}
	return &Error{Cause: NameUnknown, Message: fmt.Sprintf("there is no repository %s: push to it first", c.info.Repo),
		Detail: map[string]string{"name": c.info.Repo}}
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

// readCursor returns the entry that last means.
func readCursor(last string, opaque bool) (string, bool) {
	if !opaque {
		return last, true
	}
	text, err := base64.RawURLEncoding.DecodeString(last)
	name, ok := strings.CutPrefix(string(text), "tag:")
	return name, err == nil && ok
}

func sortTags(names []string, order Order) {
	if order != OrderBytes {
		slices.SortFunc(names, func(a, b string) int { return compareTags(order, a, b) })
	}
}

func compareTags(order Order, a, b string) int {
	if order == OrderNone {
		return cmp.Or(cmp.Compare(scatter(a), scatter(b)), strings.Compare(a, b))
	}
	return strings.Compare(a, b)
}

// scatter gives each tag a place in no order.
func scatter(tag string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tag)) // never fails
	return h.Sum32()
}
