package registry

import (
	"cmp"
	"math"
	"net/url"

	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// indexFrame is more than an index takes, in bytes, beside its entries.
const indexFrame = 4 << 10

func (c *call) listReferrers() error {
	if !refersTo(c.info.Digest) && !c.options.dialect.AnySubject {
		return c.checkDigest()
	}
	p, limit := page{n: math.MaxInt}, int64(math.MaxInt64)
	if !c.options.dialect.ReferrersUnlinked {
		var err error
		limit = c.options.maxManifest() - indexFrame
		if p, err = c.page(); err != nil {
			return err
		}
	}
	if err := cmp.Or(c.refuseBlobsOnly(), c.checkSubject()); err != nil {
		return err
	}
	artifactType := c.r.URL.Query().Get("artifactType")
	if c.options.dialect.NoFilter {
		artifactType = ""
	}
	keep := func(d ocispec.Descriptor) bool {
		return (artifactType == "" || d.ArtifactType == artifactType) && !c.isDeleted(d.Digest)
	}
	list := c.referrers(digest.Digest(p.last))
	// The answer is an index, and may be no larger than a manifest: annotations
	// can be that long by themselves.
	manifests, more, err := take(p, list, keep, encodedSize, limit)
	if err != nil {
		return c.about(err)
	}
	filter := url.Values{}
	if artifactType != "" {
		filter.Set("artifactType", artifactType)
		c.header().Set("OCI-Filters-Applied", "artifactType")
	}
	if more {
		c.setNext("/v2/"+c.info.Name()+"/referrers/"+string(c.info.Digest), p, string(manifests[len(manifests)-1].Digest), filter)
	}
	if len(manifests) == 0 && c.options.dialect.NullReferrers {
		manifests = nil
	}
	return c.sendJSON(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: manifests,
	})
}

// encodedSize is what a descriptor and a comma add to an index.
func encodedSize(d ocispec.Descriptor) int64 {
	encoded, err := jsonedit.Marshal(d)
	if err != nil {
		return 0 // strings, numbers and maps of strings always encode
	}
	return int64(len(encoded)) + 1
}
