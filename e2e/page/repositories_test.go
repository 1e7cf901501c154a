package page

import (
	"net/http"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/ocifake/ocifake/images"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRepositories(t *testing.T) {
	r := serve(t, "", "")
	p := open(t, r.page("#/repositories"))
	p.waitText("#repositories .main", "Nothing is stored yet.")

	image := images.Random(images.Layers(3), images.LayerSize(2048), images.Annotations(map[string]string{"org.example.note": "kept"}))
	r.push(t, "lib/app:v1", image)
	p.waitText("#repositories .names", "lib/app") // the page has seen the push
	index := images.RandomIndex(images.Platforms("linux/amd64", "linux/arm64/v8"))
	require.NoError(t, remote.WriteIndex(r.ref(t, "multi:latest"), index))
	p.waitText("#repositories .names", "multi")

	p.click(`#repositories .names a[href="#/repositories/lib/app"]`)
	p.waitText("#repositories .main", "Tags 1")
	digest, err := image.Digest()
	require.NoError(t, err)
	p.click(`#repositories .main table a[href="#/repositories/lib/app:v1"]`)
	p.waitText("#repositories .main", digest.String())
	layers, err := image.Layers()
	require.NoError(t, err)
	for _, layer := range layers {
		d, err := layer.Digest()
		require.NoError(t, err)
		assert.Contains(t, p.text("#repositories .main"), "sha256:"+d.Hex[:12])
	}
	for _, want := range []string{"application/vnd.oci.image.layer.v1.tar+gzip", "org.example.note", "kept", `"schemaVersion": 2`, `"rootfs": {`, "linux/amd64"} {
		assert.Contains(t, p.text("#repositories .main"), want)
	}
	p.click("#repositories .main .facts .copy")
	p.waitText("#said", "Copied")
	assert.Equal(t, digest.String(), p.clipboard())

	p.goTo(r.page("#/repositories/multi:latest"))
	p.waitText("#repositories .main", "linux/arm64/v8")
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	child := manifest.Manifests[0].Digest.String()
	p.click(`#repositories .main a[href="#/repositories/multi@` + child + `"]`)
	p.waitText("#repositories .main .facts", child)
	eval[any](p, "history.back()")
	p.waitText("#repositories .main", "linux/arm64/v8")

	p.goTo(r.page("#/repositories/lib/app:nope"))
	p.waitText("#repositories .main .failed", "nope")
	r.send(t, http.MethodDelete, "/v2/lib/app/manifests/v1", "")
	p.goTo(r.page("#/repositories/lib/app"))
	p.waitText("#repositories .main", "No tags.")
	p.waitText("#repositories .main", "Manifests 1")
	p.click("#repositories .main details summary")
	p.wait(`document.querySelectorAll("#repositories .main details tbody tr").length === 4`)
}

// What is pushed meanwhile is shown, and nothing else changes.
func TestRepositoryChanges(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "lib/app:v1", images.Random(images.Layers(1)))
	p := open(t, r.page("#/repositories/lib/app"))
	p.waitText("#connection", "live")
	p.click("#repositories .main details summary")
	const blobs = `document.querySelectorAll("#repositories .main details[open] tbody tr").length`
	p.wait(blobs + " === 2")
	const link, heading = `document.querySelector("#repositories .names a")`, `document.querySelector("#repositories .main h2")`
	eval[any](p, link+".here = "+heading+".here = true")
	r.push(t, "lib/app:v2", images.Random(images.Layers(1), images.Seed(2)))
	r.push(t, "zoo:v1", images.Random(images.Layers(1)))
	p.waitText("#repositories .names", "zoo")
	p.waitText("#repositories .main", "v2")
	p.wait(blobs + " === 4")
	assert.True(t, eval[bool](p, link+".here && "+heading+".here"), "a click does not miss what is still there")
}

// From a manifest to those that refer to it, and back to their subject.
func TestReferrers(t *testing.T) {
	r := serve(t, "", "")
	image := images.Random()
	r.push(t, "app:v1", image)
	subject, err := partial.Descriptor(image)
	require.NoError(t, err)
	attached := mutate.Subject(mutate.ConfigMediaType(images.Random(images.Seed(9)), types.MediaType("application/vnd.example.sbom")), *subject).(v1.Image)
	r.push(t, "app:sbom", attached)
	digest, err := attached.Digest()
	require.NoError(t, err)

	p := open(t, r.page("#/repositories/app:v1"))
	p.waitText("#repositories .main", "Referrers")
	assert.Contains(t, p.text("#repositories .main"), "application/vnd.example.sbom")
	p.click(`#repositories .main a[href="#/repositories/app@` + digest.String() + `"]`)
	p.waitText("#repositories .main h2", "application/vnd.example.sbom")
	p.click(`#repositories .main a[href="#/repositories/app@` + subject.Digest.String() + `"]`)
	p.waitText("#repositories .main h2", "image")
	p.click("#repositories .main header.title a")
	p.wait(`document.querySelector(".filter").value === "repo=app digest=` + subject.Digest.String() + `"`)
}
