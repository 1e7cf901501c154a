package control_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

type described struct {
	ocispec.Descriptor
	Tags []string
}

type manifest struct {
	Descriptor       ocispec.Descriptor
	Tags             []string
	Manifest, Config json.RawMessage
	Referrers        []ocispec.Descriptor
}

type loaded struct {
	Loaded []struct {
		Repository string
		Tags       []string
		Descriptor ocispec.Descriptor
	}
}

func TestContent(t *testing.T) {
	f := start(t, setup{})
	assert.JSONEq(t, `{"repositories":[]}`, f.v1(t, 200, "GET", "repositories", "").body)
	f.push(t, "app:{v1..v3} layers=2 size=2KiB")
	f.push(t, "lib/a:v1 layers=1 size=1KiB")
	repositories := func(query string) []string {
		return get[struct{ Repositories []string }](t, f, "repositories"+query).Repositories
	}
	assert.Equal(t, []string{"app", "lib/a"}, repositories(""))
	assert.Equal(t, []string{"app"}, repositories("?limit=1"))
	assert.Equal(t, []string{"lib/a"}, repositories("?after=app"))

	type tags struct {
		Tags []struct {
			Name   string
			Digest digest.Digest
		}
	}
	list := get[tags](t, f, "tags?repo=app&after=v1&limit=1").Tags
	require.Len(t, list, 1)
	assert.Equal(t, "v2", list[0].Name)

	manifests := get[struct{ Manifests []described }](t, f, "manifests?repo=app").Manifests
	require.Len(t, manifests, 3)
	byTag := get[manifest](t, f, "manifest?repo=app&ref=v2")
	assert.Equal(t, list[0].Digest, byTag.Descriptor.Digest)
	assert.Equal(t, byTag, get[manifest](t, f, "manifest?repo=app&ref="+byTag.Descriptor.Digest.String()))
	assert.Equal(t, []string{"v2"}, byTag.Tags)
	var image ocispec.Manifest
	require.NoError(t, json.Unmarshal(byTag.Manifest, &image))
	assert.Len(t, image.Layers, 2)
	var config ocispec.Image
	require.NoError(t, json.Unmarshal(byTag.Config, &config))
	assert.Len(t, config.RootFS.DiffIDs, 2)
	assert.Len(t, get[struct{ Blobs []ocispec.Descriptor }](t, f, "blobs?repo=app&limit=4").Blobs, 4)
}

// TestReferrers: artifacts are found at what they are about.
func TestReferrers(t *testing.T) {
	f := start(t, setup{})
	subject := f.push(t, "app:v1 layers=1 size=1KiB")[0].Descriptor
	text, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest, "artifactType": "text/sign",
		"config": ocispec.DescriptorEmptyJSON, "layers": []ocispec.Descriptor{}, "subject": subject, "annotations": map[string]string{"a": "<b>"},
	})
	require.NoError(t, err)
	f.ask(t, "POST", "/v2/app/blobs/uploads/?digest="+ocispec.DescriptorEmptyJSON.Digest.String(), "{}", header("Content-Type", "application/octet-stream"))
	a := f.ask(t, "PUT", "/v2/app/manifests/sign", string(text), header("Content-Type", ocispec.MediaTypeImageManifest))
	require.Equal(t, http.StatusCreated, a.StatusCode, a.body)
	m := get[manifest](t, f, "manifest?repo=app&ref=v1")
	require.Len(t, m.Referrers, 1)
	assert.Equal(t, "text/sign", m.Referrers[0].ArtifactType)
	assert.Equal(t, map[string]string{"a": "<b>"}, m.Referrers[0].Annotations)
	assert.JSONEq(t, "{}", string(get[manifest](t, f, "manifest?repo=app&ref=sign").Config))
}

// TestHiddenContent is shown as it is, whatever faults make of it for others.
func TestHiddenContent(t *testing.T) {
	f := start(t, setup{})
	f.push(t, "app:v1 layers=1 size=1KiB")
	f.v1(t, 201, "POST", "faults", "do: [{status: 500}]")
	assert.Equal(t, 500, f.status(t, "app"))
	f.v1(t, 200, "GET", "manifest?repo=app&ref=v1", "")
}

func TestLoadAndSnapshot(t *testing.T) {
	from, to := start(t, setup{}), start(t, setup{})
	from.push(t, "app:{v1..v2} layers=2 size=2KiB platforms=linux/amd64,linux/arm64")
	from.push(t, "lib/a:v1 layers=1 size=1KiB")
	a := from.v1(t, 200, "GET", "snapshot", "")
	assert.Equal(t, "application/x-tar", a.Header.Get("Content-Type"))
	assert.Contains(t, a.Header.Get("Content-Disposition"), "attachment")
	back := decode[loaded](t, to.v1(t, 200, "POST", "load", a.body).body)
	assert.Len(t, back.Loaded, 3)
	for _, target := range []string{"manifests?repo=app", "tags?repo=app", "blobs?repo=app", "repositories", "blobs?repo=lib/a"} {
		assert.Equal(t, from.v1(t, 200, "GET", target, "").body, to.v1(t, 200, "GET", target, "").body)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := io.WriteString(z, a.body)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	back = decode[loaded](t, to.v1(t, 200, "POST", "load?repo=other", from.v1(t, 200, "GET", "snapshot?repo=lib/a", "").body).body)
	assert.Equal(t, "other", back.Loaded[0].Repository)
	assert.Equal(t, []string{"v1"}, back.Loaded[0].Tags)
	to.v1(t, 204, "POST", "reset?what=content", "")
	back = decode[loaded](t, to.v1(t, 200, "POST", "load", zipped.String()).body)
	assert.Len(t, back.Loaded, 3)
}

// TestLoadRefuses says why, without the name of a file that the client does not know,
// and leaves none behind.
func TestLoadRefuses(t *testing.T) {
	files := t.TempDir()
	t.Setenv("TMPDIR", files)
	t.Setenv("TMP", files)
	f := start(t, setup{maxLoad: 1 << 20})
	for _, test := range []struct {
		body    string
		status  int
		message string
	}{
		{"", 400, "body: "},
		{"no tar", 400, "body: "},
		{strings.Repeat("\x00", 1<<20), 400, "neither an OCI image layout"},
		{strings.Repeat("x", 1<<20+1), 413, "exceeds 1048576 bytes"},
		{zipped(t, strings.Repeat("\x00", 2<<20)), 400, "decompressed size exceeds 1048576 bytes"},
	} {
		e := decode[refusal](t, f.v1(t, test.status, "POST", "load", test.body).body).Error
		assert.Contains(t, e.Message, test.message)
		assert.NotContains(t, e.Message, files)
		assert.NotContains(t, e.Message, "ocifake-load")
	}
	left, err := os.ReadDir(files)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// TestLoadMoreThanFits into the store.
func TestLoadMoreThanFits(t *testing.T) {
	from := start(t, setup{})
	from.push(t, "app:v1 layers=1 size=64KiB")
	f := start(t, setup{store: memstore.Options{MaxBytes: 32 << 10}})
	e := decode[refusal](t, f.v1(t, 400, "POST", "load", from.v1(t, 200, "GET", "snapshot", "").body).body).Error
	assert.Contains(t, e.Message, "limit of 32768 bytes")
	e = decode[refusal](t, f.v1(t, 400, "POST", "generate", `{"generate":["app:v1 layers=1 size=64KiB"]}`).body).Error
	assert.Equal(t, "generate[0]", e.Field)
}

// TestLoadLeft: the client leaves in the middle.
func TestLoadLeft(t *testing.T) {
	files := t.TempDir()
	t.Setenv("TMPDIR", files)
	t.Setenv("TMP", files)
	f := start(t, setup{})
	r, w := io.Pipe()
	go func() {
		fmt.Fprint(w, "half")
		w.CloseWithError(io.ErrClosedPipe)
	}()
	_, err := f.try(t.Context(), "POST", "/_ocifake/v1/load", r)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NoError(t, f.Close()) // the handler has returned
	left, err := os.ReadDir(files)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestReset(t *testing.T) {
	f := start(t, setup{closed: true})
	f.push(t, "app:v1 layers=1 size=1KiB")
	f.v1(t, 201, "POST", "faults", "name: start\nwhere: repo=x\ndo: [{status: 503}]")
	f.api.Open(f.URL())
	change := func() {
		f.v1(t, 204, "DELETE", "faults", "")
		f.v1(t, 201, "POST", "faults", "[{name: start, do: [{status: 500}]}, {name: more, do: [pass]}]")
		require.NoError(t, f.store.DeleteManifest(t.Context(), "app", "v1", registry.Precondition{}))
		f.push(t, "new:v1 layers=1 size=1KiB")
		f.pull(t, "app")
	}
	changed := func() []bool {
		rules, rs := f.faults.Rules(), get[struct{ Repositories []string }](t, f, "repositories").Repositories
		return []bool{
			len(f.recorder.Log()) > 0,
			len(rules) != 1 || rules[0].Rule.Name != "start" || len(rules[0].Rule.Filters) != 1,
			len(rs) != 1 || f.ask(t, "GET", "/_ocifake/v1/manifest?repo=app&ref=v1", "").StatusCode != 200,
		}
	}
	assert.Equal(t, []bool{false, false, false}, changed())
	for _, test := range []struct {
		what string
		want []bool
	}{
		{"?what=requests", []bool{false, true, true}},
		{"?what=faults", []bool{true, false, true}},
		{"?what=content", []bool{true, true, false}},
		{"?what=content,requests", []bool{false, true, false}},
		{"?what=tokens", []bool{true, true, true}},
		{"", []bool{false, false, false}},
	} {
		change()
		assert.Equal(t, []bool{true, true, true}, changed())
		f.v1(t, 204, "POST", "reset"+test.what, "")
		assert.Equal(t, test.want, changed(), test.what)
		f.v1(t, 204, "POST", "reset", "")
		assert.Equal(t, []bool{false, false, false}, changed())
	}
}
