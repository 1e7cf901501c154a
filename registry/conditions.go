package registry

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

// Conditional requests (RFC 9110, 13). The entity tag of a blob or manifest is
// its digest in quotes.

func quote(d digest.Digest) string { return `"` + string(d) + `"` }

// precondition reads If-Match and If-None-Match.
func (c *call) precondition() Precondition {
	if c.options.dialect.IgnorePrecondition && c.info.Op.Write() {
		return Precondition{}
	}
	return Precondition{
		IfMatch:     entityTags(c.r.Header["If-Match"], false),
		IfNoneMatch: entityTags(c.r.Header["If-None-Match"], true),
	}
}

// entityTags splits lists of entity tags (RFC 9110, 8.8.3), which are in quotes, or a
// star alone. A weak one never matches where the strong comparison is asked for. Digests
// have no commas, so a list is split at them. A header without any usable tag matches
// nothing, rather than everything.
func entityTags(values []string, weak bool) []string {
	var tags []string
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			tags = append(tags, entityTag(strings.TrimSpace(tag), weak))
		}
	}
	return tags
}

// entityTag returns the digest in a tag, "*" for the star, and nothing for what can
// match nothing.
func entityTag(tag string, weak bool) string {
	if tag == "*" {
		return tag
	}
	bare, isWeak := strings.CutPrefix(tag, "W/")
	opaque, begins := strings.CutPrefix(bare, `"`)
	opaque, ends := strings.CutSuffix(opaque, `"`)
	if !begins || !ends || isWeak && !weak || opaque == "*" { // in quotes it is no star
		return ""
	}
	return opaque
}

// notModified judges the condition of a GET or HEAD for content that exists. It
// has answered with 304 if done is true.
func (c *call) notModified(d digest.Digest) (done bool, err error) {
	if c.options.dialect.NoEntityTag {
		c.header().Del("Etag")
		return false, nil
	}
	if c.options.dialect.PlainCondition && c.info.Op != op.BlobGet && c.info.Op != op.BlobHead {
		return c.plainCondition(d)
	}
	p := c.precondition()
	if !(Precondition{IfMatch: p.IfMatch}).Holds(d) {
		return false, PreconditionFailed
	}
	if p.Holds(d) {
		return false, nil
	}
	return true, c.sendStatus(http.StatusNotModified)
}

// plainCondition judges If-None-Match alone, which must be the entity tag as it stands, with or without
// quotes. It has answered with 304 and without further fields if done is true.
func (c *call) plainCondition(d digest.Digest) (done bool, err error) {
	for _, value := range c.r.Header["If-None-Match"] {
		if value == quote(d) || value == string(d) {
			c.state.AddTrait("manifest.conditions")
			c.header().Del("Etag")
			c.header().Del("Docker-Content-Digest")
			return true, c.sendStatus(http.StatusNotModified)
		}
	}
	return false, nil
}
