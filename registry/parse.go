package registry

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker's image format, which image-spec does not name, and what
// those of OCI layers that need not be pushed begin with, which it deprecates.
const (
	nonDistributable   = "application/vnd.oci.image.layer.nondistributable.v1.tar"
	dockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList         = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
)

// form is what a manifest of a media type looks like.
type form struct {
	index        bool // has manifests, rather than config and layers
	docker       bool // names its media type in the body
	notSupported string
}

var forms = map[string]form{
	ocispec.MediaTypeImageManifest: {},
	ocispec.MediaTypeImageIndex:    {index: true},
	dockerManifest:                 {docker: true},
	dockerList:                     {docker: true, index: true},

	"application/json": {notSupported: schema1},
	"application/vnd.docker.distribution.manifest.v1+json":      {notSupported: schema1},
	"application/vnd.docker.distribution.manifest.v1+prettyjws": {notSupported: schema1},
	"application/vnd.oci.artifact.manifest.v1+json": {
		notSupported: "the artifact manifest was dropped from the image specification: use an image manifest with artifactType"},
}

const schema1 = "Docker image manifest schema 1 is not supported: push schema 2 or an OCI image manifest"

// document has the fields of every kind of manifest. Those that are there show
// whether content is what its media type says.
type document struct {
	SchemaVersion int                   `json:"schemaVersion"`
	MediaType     string                `json:"mediaType"`
	ArtifactType  string                `json:"artifactType"`
	Config        *ocispec.Descriptor   `json:"config"`
	Layers        *[]ocispec.Descriptor `json:"layers"`
	Manifests     *[]ocispec.Descriptor `json:"manifests"`
	FSLayers      json.RawMessage       `json:"fsLayers"`
	Subject       *ocispec.Descriptor   `json:"subject"`
	Annotations   map[string]string     `json:"annotations"`
}

// ParseManifest checks a manifest of the given media type, without parameters,
// and returns what a [Store] needs to know about it: the descriptor with the sha256
// digest, the subject, and the references. It fails with ManifestInvalid or
// DigestInvalid. It takes time and memory in proportion to the
// length of the content.
//
// It accepts OCI image manifests and indexes and those of Docker schema 2. The
// body must be of the form that its media type has, and of no other, must not
// name another media type, and its descriptors must be valid (image
// specification, "Image Manifest", "Image Index", "Content Descriptors"). JSON that
// parsers read differently, such as an object that has a name twice, is invalid.
func ParseManifest(mediaType string, content []byte) (PutManifest, error) {
	return parse(mediaType, content, false)
}

// parse is [ParseManifest]. With anyDescriptor, descriptors need no size, and need not agree with
// their data or with one another.
func parse(mediaType string, content []byte, anyDescriptor bool) (PutManifest, error) {
	f, known := forms[mediaType]
	switch {
	case !known:
		return PutManifest{}, &Error{Cause: typeUnknown, Message: fmt.Sprintf("Content-Type %q is not the media type of a manifest", mediaType)}
	case f.notSupported != "":
		return PutManifest{}, &Error{Cause: typeUnknown, Message: f.notSupported}
	}
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		return PutManifest{}, invalid("the manifest is not valid JSON for %s: %v", mediaType, err)
	}
	shape := manifestShape
	if anyDescriptor {
		shape = sizelessShape
	}
	if err := checkShape(content, shape); err != nil {
		return PutManifest{}, err
	}
	if err := d.check(mediaType, f, anyDescriptor); err != nil {
		return PutManifest{}, err
	}
	m := PutManifest{
		Manifest: Manifest{
			Descriptor: ocispec.Descriptor{
				MediaType: mediaType,
				Digest:    digest.FromBytes(content),
				Size:      int64(len(content)),
			},
			Content: content,
		},
		Require: d.references(f),
	}
	m.Descriptor.ArtifactType, m.Descriptor.Annotations = d.artifactType(), d.Annotations
	if d.Subject != nil {
		m.Subject = d.Subject.Digest
	}
	return m, nil
}

func invalid(format string, args ...any) error {
	return &Error{Cause: ManifestInvalid, Message: fmt.Sprintf(format, args...)}
}

// check judges the form of the document, then its descriptors.
func (d *document) check(mediaType string, f form, anyDescriptor bool) error {
	switch {
	case d.SchemaVersion != 2:
		return invalid("schemaVersion is %d: want 2", d.SchemaVersion)
	case d.MediaType != mediaType && (d.MediaType != "" || f.docker):
		return invalid("mediaType is %q, Content-Type says %q", d.MediaType, mediaType)
	case d.FSLayers != nil:
		return invalid("fsLayers do not belong into %s", mediaType)
	case f.index && (d.Config != nil || d.Layers != nil):
		return invalid("config and layers do not belong into %s", mediaType)
	case f.index && d.Manifests == nil:
		return invalid("manifests are missing from %s", mediaType)
	case !f.index && d.Manifests != nil:
		return invalid("manifests do not belong into %s", mediaType)
	case !f.index && d.Config == nil:
		return invalid("a config is missing from %s", mediaType)
	case !f.index && d.Layers == nil:
		return invalid("layers are missing from %s: write [] if there are none", mediaType)
	case !f.index && !f.docker && d.ArtifactType == "" && d.Config.MediaType == ocispec.MediaTypeEmptyJSON:
		return invalid("artifactType must be set if the config is empty")
	}
	sizes := make(map[digest.Digest]namedDescriptor)
	for _, named := range d.descriptors() {
		if err := checkDescriptor(named.name, named.Descriptor); err != nil {
			return err
		}
		if anyDescriptor {
			continue
		}
		if err := checkData(named.name, named.Descriptor); err != nil {
			return err
		}
		if other, ok := sizes[named.Digest]; ok && other.Size != named.Size {
			return invalid("%s has the size %d, %s with the same digest %s has %d", named.name, named.Size, other.name, named.Digest, other.Size)
		}
		sizes[named.Digest] = named
	}
	return nil
}

type namedDescriptor struct {
	name string
	ocispec.Descriptor
}

func (d *document) descriptors() []namedDescriptor {
	var all []namedDescriptor
	one := func(name string, descriptor *ocispec.Descriptor) {
		if descriptor != nil {
			all = append(all, namedDescriptor{name, *descriptor})
		}
	}
	one("config", d.Config)
	one("subject", d.Subject)
	list := func(name string, descriptors *[]ocispec.Descriptor) {
		if descriptors != nil {
			for i := range *descriptors {
				one(fmt.Sprintf("%s[%d]", name, i), &(*descriptors)[i])
			}
		}
	}
	list("layers", d.Layers)
	list("manifests", d.Manifests)
	return all
}

func checkDescriptor(name string, d ocispec.Descriptor) error {
	switch {
	case d.MediaType == "":
		return invalid("%s has no mediaType", name)
	case d.Size < 0:
		return invalid("%s: size is %d", name, d.Size)
	case !refersTo(d.Digest):
		return &Error{Cause: DigestInvalid, Message: fmt.Sprintf("%s: %q is not a digest", name, d.Digest),
			Detail: map[string]string{"digest": string(d.Digest)}}
	}
	return nil
}

func checkData(name string, d ocispec.Descriptor) error {
	if d.Data != nil && (int64(len(d.Data)) != d.Size || op.ValidDigest(d.Digest) && d.Digest.Algorithm().FromBytes(d.Data) != d.Digest) {
		return invalid("%s: data does not have the digest and size of its descriptor", name)
	}
	return nil
}

// refersTo reports whether a digest may refer to content, in the registry or not. Of an
// algorithm that the registry does not compute it must be well-formed (image
// specification, "Digests").
func refersTo(d digest.Digest) bool {
	return op.ValidDigest(d) || digest.DigestRegexpAnchored.MatchString(string(d)) && !op.ValidAlgorithm(d.Algorithm())
}

// references are the descriptors, each once. A child with the media type of a
// manifest must be one; any other may be a blob, since build caches put layers
// there. The subject, and what need not be in the registry, are optional.
func (d *document) references(f form) []Reference {
	var all []Reference
	type key struct {
		digest                   digest.Digest
		mediaType                string // of what can only be a manifest
		blob, manifest, optional bool
	}
	seen := make(map[key]bool)
	for _, named := range d.descriptors() {
		r := Reference{Descriptor: named.Descriptor, Name: named.name}
		switch {
		case named.name == "subject":
			r.Manifest, r.Optional = true, true
		case f.index:
			_, known := forms[r.MediaType]
			r.Blob, r.Manifest, r.Optional = !known, true, external(r.Descriptor)
		default:
			r.Blob, r.Optional = true, external(r.Descriptor)
		}
		k := key{r.Digest, "", r.Blob, r.Manifest, r.Optional}
		if r.Manifest {
			k.mediaType = r.MediaType
		}
		if !seen[k] {
			seen[k] = true
			all = append(all, r)
		}
	}
	return all
}

// external reports whether a descriptor's content need not be in the registry
// (image specification, "Non-Distributable Layers").
func external(d ocispec.Descriptor) bool {
	return len(d.URLs) > 0 || d.MediaType == dockerForeignLayer || strings.HasPrefix(d.MediaType, nonDistributable)
}

// artifactType is what the referrers list shows ("Listing Referrers").
func (d *document) artifactType() string {
	if d.ArtifactType == "" && d.Config != nil {
		return d.Config.MediaType
	}
	return d.ArtifactType
}
