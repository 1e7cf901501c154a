package lint_test

import (
	"encoding/json"
	"math/rand/v2"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// blob is a blob with its descriptor.
type blob struct {
	ocispec.Descriptor
	data []byte
}

// object is a manifest with what it refers to.
type object struct {
	ocispec.Descriptor
	data     []byte
	subject  digest.Digest
	blobs    []blob
	children []*object
}

// random returns a blob of random content; the seed tells blobs apart.
func random(seed uint64, size int) blob {
	data := make([]byte, size)
	source := rand.New(rand.NewPCG(seed, 0))
	for i := range data {
		data[i] = byte(source.Uint32())
	}
	return newBlob(ocispec.MediaTypeImageLayer, data)
}

func newBlob(mediaType string, data []byte) blob {
	return blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data}
}

// image returns an image with these layers; the name tells images apart.
func image(name string, layers ...blob) *object {
	config := newBlob(ocispec.MediaTypeImageConfig, encode(map[string]any{
		"architecture": "amd64", "os": "linux", "author": name, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
	}))
	return manifest(ocispec.Manifest{}, config, layers)
}

// artifact returns an artifact with a subject.
func artifact(artifactType, text string, subject ocispec.Descriptor) *object {
	subject.ArtifactType, subject.Annotations = "", nil
	config := newBlob(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	return manifest(ocispec.Manifest{ArtifactType: artifactType, Subject: &subject}, config, []blob{newBlob("text/plain", []byte(text))})
}

// annotated returns an artifact with annotations.
func annotated(o *object, annotations map[string]string) *object {
	var m ocispec.Manifest
	if err := json.Unmarshal(o.data, &m); err != nil {
		panic(err)
	}
	m.Annotations = annotations
	return manifest(m, o.blobs[0], o.blobs[1:])
}

// manifest returns an object with the manifest, completed by its config and layers.
func manifest(m ocispec.Manifest, config blob, layers []blob) *object {
	m.Versioned, m.MediaType, m.Config = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest, config.Descriptor
	m.Layers = []ocispec.Descriptor{}
	for _, l := range layers {
		m.Layers = append(m.Layers, l.Descriptor)
	}
	o := newObject(m.MediaType, encode(m))
	o.ArtifactType, o.Annotations = m.ArtifactType, m.Annotations
	o.blobs = append([]blob{config}, layers...)
	if m.Subject != nil {
		o.subject = m.Subject.Digest
	}
	return o
}

// indexOf returns an index of images.
func indexOf(children ...*object) *object {
	m := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for i, child := range children {
		d := child.Descriptor
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: []string{"amd64", "arm64", "s390x"}[i%3]}
		m.Manifests = append(m.Manifests, d)
	}
	o := newObject(m.MediaType, encode(m))
	o.children = children
	return o
}

func newObject(mediaType string, data []byte) *object {
	return &object{Descriptor: newBlob(mediaType, data).Descriptor, data: data}
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// listOf returns a list of referrers, as it is under a referrers tag.
func listOf(objects ...*object) *object {
	o := indexOf(objects...)
	var list struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType"`
		Manifests     []any  `json:"manifests"`
	}
	list.SchemaVersion, list.MediaType = 2, o.MediaType
	for _, child := range objects {
		list.Manifests = append(list.Manifests, child.Descriptor)
	}
	return newObject(o.MediaType, encode(list))
}

// The content of scenarios. Images share the base layer.
var (
	base    = random(1, 700)
	app     = image("app", base, random(2, 600))
	next    = image("next", base, random(3, 500))
	other   = image("other", random(4, 400))
	both    = indexOf(app, next)
	file    = random(5, 1500)
	huge    = random(6, 5<<20)
	archive = image("archive", file)
	bundle  = image("bundle", huge)
	sbom    = artifact("application/vnd.example.sbom", "sbom", app.Descriptor)
	sbom2   = artifact("application/vnd.example.sbom", "newer sbom", app.Descriptor)
	noted   = annotated(sbom, map[string]string{"org.example.format": "json"})
	mark    = artifact("application/vnd.example.signature", "signature", app.Descriptor)
	wide    = image("wide", layers(40)...)
)

func layers(n int) []blob {
	all := make([]blob, n)
	for i := range all {
		all[i] = random(uint64(100+i), 50)
	}
	return all
}
