package fidelity

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Recordings mask the bodies of blobs. They are rebuilt here: configs from their random author,
// random blobs from the seed, which is the time at which the suite started, and all else from the
// suite's constants. The digests in the recording prove that they are right.

const (
	layerBase64 = "H4sIAAAAAAAAA+3OQQrCMBCF4a49xXgBSUnaHMCTRBptQRNpp6i3t0UEV7oqIv7fYgbmzeJpHHSjVy0" +
		"WZCa1c/MufWVe94N3RWlrZ72x3k/30nhbFWKWLPU0Dhp6keJ8im//PuU/6pZH2WVtYx8b0Sz7LjWSR5VLG6YRBumSzOlGtjkd+qD" +
		"jMWiX07Befbs7AAAAAAAAAAAAAAAAAPyzO34MnqoAKAAA"

	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	typeEmpty    = "application/vnd.oci.empty.v1+json"
	typeA        = "application/vnd.nhl.peanut.butter.bagel"
	typeB        = "application/vnd.nba.strawberry.jam.croissant"

	annotation = "org.opencontainers.conformance.test"

	workflows     = 5 // each has a config and a manifest of its own
	randomSize    = 42
	maxChunked    = 64 << 20
	standInAuthor = "ocifake stand-in"
)

// contents are the contents of a recording by name.
type contents map[string][]byte

// document is a manifest or an index in the suite's own order of fields.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        any               `json:"config,omitempty"`
	Layers        any               `json:"layers,omitempty"`
	Manifests     any               `json:"manifests,omitempty"`
	Subject       any               `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// plain is a descriptor of suite v1.0.
type plain struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int           `json:"size"`
}

// extended is a descriptor of suite v1.1, with a field that no specification knows.
type extended struct {
	plain
	Data       []byte `json:"data,omitempty"`
	Unexpected []byte `json:"newUnspecifiedField"`
}

// builder rebuilds the contents of a recording.
type builder struct {
	*Recording
	all contents
}

// contents rebuilds all contents that the suite sends.
func (r *Recording) contents() contents {
	b := builder{r, contents{}}
	b.blobs()
	b.documents()
	for name, text := range r.Given {
		b.all[name] = []byte(text)
	}
	return b.all
}

// documents adds the configs and manifests.
func (b *builder) documents() {
	for i := range workflows {
		b.workflow(i)
	}
	b.all["emptyLayer"] = b.manifest(document{Config: b.config(1), Layers: []any{}})
	b.referrers()
}

func (b *builder) old() bool { return b.Suite == "v1.0" }

func (b *builder) blobs() {
	layer, err := base64.StdEncoding.DecodeString(layerBase64)
	if err != nil {
		panic(err) // a constant
	}
	b.all["layer"] = layer
	b.all["hello"] = []byte("hello world")
	b.all["empty"] = []byte("{}")
	b.all["garbage"] = []byte("blablabla")
	b.all["refA"] = []byte("NHL Peanut Butter on my NHL bagel")
	b.all["refB"] = []byte("NBA Strawberry Jam on my NBA croissant")
	first := 3
	b.all["blobA"], b.all["blobB"] = []byte("NBA Jam on my NBA toast"), []byte("Hello, how are you today?")
	if !b.old() {
		b.all["blobA"] = randomBlob(randomSize, b.Seed+1)
		b.all["blobB"] = randomBlob(max(b.Chunked, randomSize), b.Seed+2)
		first = len(b.all["blobB"])/2 + 1
	}
	b.all["blobB.1"], b.all["blobB.2"] = b.all["blobB"][:first], b.all["blobB"][first:]
}

// randomBlob returns the random bytes of math/rand for a seed, which never change.
func randomBlob(size int, seed int64) []byte {
	blob := make([]byte, size)
	_, _ = rand.New(rand.NewSource(seed)).Read(blob) // never fails
	return blob
}

// workflow adds the config and the manifest of a workflow.
func (b *builder) workflow(i int) {
	author, ok := b.Authors[fmt.Sprint("config", i)]
	if !ok {
		author = fmt.Sprint(standInAuthor, " ", i)
	}
	b.all[fmt.Sprint("config", i)] = config(author, b.old())
	mediaType := typeManifest
	if b.old() {
		mediaType = ""
	}
	b.all[fmt.Sprint("manifest", i)] = b.manifest(document{
		MediaType: mediaType,
		Config:    b.config(i),
		Layers:    []any{b.descriptor(typeLayer, "layer")},
	})
}

// config returns the config of an image by an author.
func config(author string, old bool) []byte {
	extra := ""
	if old {
		extra = "\t\"config\": {},\n"
	}
	name, _ := json.Marshal(author) // a string
	return []byte("{\n\t\"author\": " + string(name) + ",\n\t\"architecture\": \"amd64\",\n\t\"os\": \"linux\",\n" + extra +
		"\t\"rootfs\": {\n\t\t\"type\": \"layers\",\n\t\t\"diff_ids\": []\n\t}\n}")
}

// referrers adds the artifacts of suite v1.1. Only the descriptors of a config have data.
func (b *builder) referrers() {
	subject := b.descriptor(typeManifest, "manifest4")
	empty := b.descriptor(typeEmpty, "empty")
	test := func(value string) map[string]string { return map[string]string{annotation: value} }
	for _, side := range []struct{ name, mediaType, label string }{{"A", typeA, "a"}, {"B", typeB, "b"}} {
		blob := b.descriptor(side.mediaType, "ref"+side.name)
		b.all["ref"+side.name+"Config"] = b.manifest(document{
			MediaType: typeManifest, Config: blob, Layers: []any{empty}, Subject: subject, Annotations: test("test config " + side.label),
		})
		b.all["ref"+side.name+"Layer"] = b.manifest(document{
			MediaType: typeManifest, ArtifactType: side.mediaType, Config: empty, Layers: []any{blob}, Subject: subject,
			Annotations: test("test layer " + side.label),
		})
	}
	b.all["refCLayer"] = b.manifest(document{
		MediaType: typeManifest, ArtifactType: typeB, Config: empty, Layers: []any{b.descriptor(typeB, "refB")},
		Subject: b.descriptor(typeManifest, "manifest3"),
	})
	b.all["refIndex"] = b.manifest(document{
		MediaType: typeIndex, ArtifactType: "application/vnd.food.stand", Subject: subject, Annotations: test("test index"),
		Manifests: []any{b.descriptor(typeManifest, "refAConfig"), b.descriptor(typeManifest, "refALayer")},
	})
}

func (b *builder) manifest(d document) []byte {
	d.SchemaVersion = 2
	text, err := json.MarshalIndent(d, "", "\t")
	if err != nil {
		panic(err) // made of strings and numbers
	}
	return text
}

// descriptor describes a content.
func (b *builder) descriptor(mediaType, name string) any {
	content := b.all[name]
	d := plain{mediaType, digest.FromBytes(content), len(content)}
	if b.old() {
		return d
	}
	return extended{plain: d}
}

// config describes a config, with its data in suite v1.1.
func (b *builder) config(i int) any {
	name := fmt.Sprint("config", i)
	d := b.descriptor(typeConfig, name)
	if e, ok := d.(extended); ok {
		e.Data, e.Unexpected = b.all[name], []byte("hello world")
		return e
	}
	return d
}

// mediaType returns the Content-Type with which the suite sends a content.
func mediaType(name string) string {
	switch {
	case name == "refIndex":
		return typeIndex
	case isManifest(name) || name == "garbage":
		return typeManifest
	default:
		return "application/octet-stream"
	}
}

// isManifest reports whether a content is a manifest or an index.
func isManifest(name string) bool {
	return strings.HasPrefix(name, "manifest") || name == "emptyLayer" || strings.HasPrefix(name, "ref") && len(name) > len("refA")
}

// isBlob reports whether a content is neither a manifest nor a config.
func isBlob(name string) bool { return !isManifest(name) && !strings.HasPrefix(name, "config") }

// StandIns lists the contents in the recording that cannot be rebuilt, because it has neither
// their bodies nor what they are made of. Other contents are sent in their place.
func (r *Recording) StandIns() []string {
	var names []string
	all := r.contents()
	for _, name := range slices.Sorted(maps.Keys(r.Digests)) {
		if digest.FromBytes(all[name]) != r.Digests[name] {
			names = append(names, name)
		}
	}
	return names
}
