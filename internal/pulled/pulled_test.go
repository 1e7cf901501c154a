package pulled_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/pulled"
	"github.com/ocifake/ocifake/internal/testmain"
)

func TestMain(m *testing.M) { testmain.Run(m) }

var random = images.Random(images.Layers(2), images.LayerSize(5000))

// described returns what should be pulled.
func described(t testing.TB, image v1.Image) pulled.Image {
	t.Helper()
	manifest, err := image.RawManifest()
	require.NoError(t, err)
	config, err := image.RawConfigFile()
	require.NoError(t, err)
	d, err := pulled.Describe(manifest, config)
	require.NoError(t, err)
	return d
}

// The forms in which clients write an image into a directory.
var forms = map[string]func(t testing.TB, dir string, image v1.Image){
	"layout": writeLayout,
	"layout in tar": func(t testing.TB, dir string, image v1.Image) {
		archived(t, dir, "image.tar", false, image, writeLayout)
	},
	"layout in tgz":  func(t testing.TB, dir string, image v1.Image) { archived(t, dir, "image", true, image, writeLayout) },
	"docker archive": writeDockerArchive,
	"dir of skopeo":  writeSkopeoDir,
	"files": func(t testing.TB, dir string, image v1.Image) {
		writeLayers(t, dir, image, v1.Layer.Compressed)
	},
	"files without compression": func(t testing.TB, dir string, image v1.Image) {
		writeLayers(t, dir, image, v1.Layer.Uncompressed)
	},
}

func writeLayout(t testing.TB, dir string, image v1.Image) {
	path, err := layout.Write(filepath.Join(dir, "a", "layout"), empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(image))
}

func writeDockerArchive(t testing.TB, dir string, image v1.Image) {
	require.NoError(t, tarball.WriteToFile(filepath.Join(dir, "image.tar"), name.MustParseReference("example.test/app:v1"), image))
}

func writeSkopeoDir(t testing.TB, dir string, image v1.Image) {
	write(t, dir, "version", []byte("Directory Transport Version: 1.1\n"))
	manifest, err := image.RawManifest()
	require.NoError(t, err)
	write(t, dir, "manifest.json", manifest)
	config, err := image.RawConfigFile()
	require.NoError(t, err)
	hash, err := image.ConfigName()
	require.NoError(t, err)
	write(t, dir, hash.Hex, config)
	layers, err := image.Layers()
	require.NoError(t, err)
	for _, layer := range layers {
		hash, err := layer.Digest()
		require.NoError(t, err)
		write(t, dir, hash.Hex, content(t, layer, v1.Layer.Compressed))
	}
}

func writeLayers(t testing.TB, dir string, image v1.Image, open func(v1.Layer) (io.ReadCloser, error)) {
	layers, err := image.Layers()
	require.NoError(t, err)
	for i, layer := range layers {
		write(t, dir, fmt.Sprintf("sub/layer-%d", i), content(t, layer, open))
	}
}

func content(t testing.TB, layer v1.Layer, open func(v1.Layer) (io.ReadCloser, error)) []byte {
	r, err := open(layer)
	require.NoError(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return text
}

func write(t testing.TB, dir, name string, text []byte) {
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, text, 0o644))
}

// archived writes the files of a form into a tar.
func archived(t testing.TB, dir, name string, zip bool, image v1.Image, form func(testing.TB, string, v1.Image)) {
	from := t.TempDir()
	form(t, from, image)
	var out bytes.Buffer
	var w io.Writer = &out
	z := gzip.NewWriter(&out)
	if zip {
		w = z
	}
	archive := tar.NewWriter(w)
	require.NoError(t, archive.AddFS(os.DirFS(from)))
	require.NoError(t, archive.Close())
	if zip {
		require.NoError(t, z.Close())
	}
	write(t, dir, name, out.Bytes())
}

func find(t testing.TB, dir string, image pulled.Image) pulled.Result {
	t.Helper()
	result, err := pulled.Find(t.Context(), dir, image)
	require.NoError(t, err)
	return result
}

func TestFind(t *testing.T) {
	other := images.Random(images.Seed(2), images.Layers(2), images.LayerSize(5000))
	for form, writeTo := range forms {
		dir := t.TempDir()
		writeTo(t, dir, random)
		result := find(t, dir, described(t, random))
		assert.Equal(t, pulled.Found, result.State, "%s: %s", form, result.Reason)
		assert.Equal(t, strings.HasPrefix(form, "docker") || strings.HasPrefix(form, "files"), result.Converted, form)

		dir = t.TempDir()
		writeTo(t, dir, other)
		result = find(t, dir, described(t, random))
		want := pulled.Damaged
		if strings.HasPrefix(form, "files") {
			want = pulled.Absent // files with other names claim nothing
		}
		assert.Equal(t, want, result.State, "%s: %s", form, result.Reason)
	}
	assert.Equal(t, pulled.Result{State: pulled.Absent, Reason: "the directory has no files"}, find(t, t.TempDir(), described(t, random)))
}

// TestDamage changes what was pulled.
func TestDamage(t *testing.T) {
	image := described(t, random)
	blob := func(d digest.Digest) string { return "a/layout/blobs/sha256/" + d.Encoded() }
	layer := image.Layers[0].Digest
	for _, test := range []struct {
		name, form string
		change     func(t testing.TB, dir string)
		state      pulled.State
		reason     string
	}{
		{"a changed layer", "layout", replace(blob(layer), "x"), pulled.Damaged, "the file does not have the digest in its name"},
		{"an empty layer", "layout", replace(blob(layer), ""), pulled.Damaged, "layer 1, " + string(layer) + ", has other content"},
		{"a missing layer", "layout", remove(blob(layer)), pulled.Damaged, "layer 1, " + string(layer) + ", is missing"},
		{"a missing config", "layout", remove(blob(image.Config)), pulled.Damaged, "config " + string(image.Config) + " is missing"},
		{"an empty config", "layout", replace(blob(image.Config), ""), pulled.Damaged, "config " + string(image.Config) + " has other content"},
		{"a missing manifest", "layout", remove(blob(image.Manifest)), pulled.Damaged, "which is not in the layout"},
		{"an empty manifest", "layout", replace(blob(image.Manifest), ""), pulled.Damaged, "has other content"},
		{"half an index", "layout", replace("a/layout/index.json", "{"), pulled.Damaged, "a/layout/index.json is not JSON"},
		{"an index of nothing", "layout", replace("a/layout/index.json", `{"manifests": []}`), pulled.Absent, "lists no manifest"},
		{"an index of a hostile digest", "layout", replace("a/layout/index.json", `{"manifests": [{"digest": "sha256:../../x"}]}`), pulled.Damaged, "is not in the layout"},
		{"a blob of something else", "layout", replace("a/layout/blobs/sha256/"+strings.Repeat("0", 64), "x"), pulled.Found, ""},
		{"a changed layer", "dir of skopeo", replace(layer.Encoded(), "x"), pulled.Damaged, "digest in its name"},
		{"a missing layer", "dir of skopeo", remove(layer.Encoded()), pulled.Damaged, "is missing"},
		{"half a manifest", "dir of skopeo", replace("manifest.json", "{"), pulled.Damaged, "is another manifest"},
		{"a hostile manifest", "dir of skopeo", replace("manifest.json", fmt.Sprintf(`{"config": {"digest": %q}, "layers": [{"digest": "x"}, {"digest": "../y"}]}`, image.Config)), pulled.Damaged, "invalid checksum digest"},
		{"a file with the name of a layer", "files", replace("sub/"+layer.Encoded()+".tar.gz", "half"), pulled.Damaged, "digest in its name"},
		{"a file less", "files", remove("sub/layer-0"), pulled.Absent, "1 of 2 layers are in the directory, which has 1 files"},
		{"half an archive", "layout", replace("ingest/x_123", strings.Repeat("\x00", 257)+"ustar"+strings.Repeat("\x00", 250)), pulled.Found, ""},
		{"a hostile list", "files", replace("manifest.json", `[{"Config": "../../../etc/passwd", "Layers": ["/etc/passwd", "../x"]}]`), pulled.Damaged, "is missing"},
		{"a list of another image", "files", replace("manifest.json", `[{"Config": "x", "Layers": ["y"]}]`), pulled.Damaged, "lists an image of 1 layers instead of 2"},
		{"a list of nothing", "files", replace("manifest.json", `[]`), pulled.Absent, "lists no image"},
		{"half a list", "files", replace("manifest.json", `[`), pulled.Damaged, "is not JSON"},
	} {
		dir := t.TempDir()
		forms[test.form](t, dir, random)
		test.change(t, dir)
		result := find(t, dir, image)
		assert.Equal(t, test.state, result.State, "%s, %s: %s", test.form, test.name, result.Reason)
		assert.Contains(t, result.Reason, test.reason, "%s, %s", test.form, test.name)
	}
}

func replace(name, text string) func(testing.TB, string) {
	return func(t testing.TB, dir string) { write(t, dir, name, []byte(text)) }
}

func remove(name string) func(testing.TB, string) {
	return func(t testing.TB, dir string) {
		require.NoError(t, os.Remove(filepath.Join(dir, filepath.FromSlash(name))))
	}
}

// TestTruncated checks that no part of an archive is an image.
func TestTruncated(t *testing.T) {
	small := images.Random(images.Layers(2), images.LayerSize(700))
	for _, form := range []string{"docker archive", "layout in tar", "layout in tgz"} {
		from, dir := t.TempDir(), t.TempDir()
		forms[form](t, from, small)
		entries, err := os.ReadDir(from)
		require.NoError(t, err)
		whole, err := os.ReadFile(filepath.Join(from, entries[0].Name()))
		require.NoError(t, err)
		end := len(whole)
		if form != "layout in tgz" {
			end = len(bytes.TrimRight(whole, "\x00")) // only the end of the archive is missing
		}
		for n := 0; n < end; n += 256 {
			write(t, dir, "part", whole[:n])
			assert.NotEqual(t, pulled.Found, find(t, dir, described(t, small)).State, "%s: %d of %d bytes", form, n, len(whole))
		}
	}
}

// TestTruncatedList checks an archive that ends after the list of its images.
func TestTruncatedList(t *testing.T) {
	list := `[{"Config": "config", "Layers": ["a", "b"]}]`
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "manifest.json", Mode: 0o644, Size: int64(len(list))}))
	_, err := w.Write([]byte(list))
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	dir := t.TempDir()
	write(t, dir, "image.tar", append(archive.Bytes(), "half a header"...))
	result := find(t, dir, described(t, random))
	assert.Equal(t, pulled.Damaged, result.State)
	assert.Contains(t, result.Reason, "image.tar:manifest.json: the config")
}

// TestConverted checks images whose manifest a client has replaced by its own.
func TestConverted(t *testing.T) {
	image := described(t, mutate.Annotations(random, map[string]string{"a": "b"}).(v1.Image))
	annotated := mutate.Annotations(random, map[string]string{"a": "c"}).(v1.Image)
	for _, form := range []string{"layout", "dir of skopeo", "docker archive"} {
		dir := t.TempDir()
		forms[form](t, dir, annotated)
		result := find(t, dir, image)
		assert.Equal(t, pulled.Found, result.State, "%s: %s", form, result.Reason)
		assert.True(t, result.Converted, form)
		assert.Equal(t, result, result.As(pulled.Result{State: pulled.Found, Converted: true}), form)
		assert.Equal(t, pulled.Damaged, result.As(pulled.Result{State: pulled.Found}).State, form)
	}
}

// TestLinks checks that links are followed only in the directory, and that nothing else
// than files is read.
func TestLinks(t *testing.T) {
	image := described(t, random)
	outside, dir := t.TempDir(), t.TempDir()
	writeLayers(t, outside, random, v1.Layer.Compressed)
	require.NoError(t, os.Symlink(filepath.Join(outside, "sub"), filepath.Join(dir, "sub")))
	for _, layer := range []string{"layer-0", "layer-1"} {
		require.NoError(t, os.Symlink(filepath.Join(outside, "sub", layer), filepath.Join(dir, layer)))
	}
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero")))
	assert.Equal(t, pulled.Absent, find(t, dir, image).State)

	dir = t.TempDir()
	writeLayers(t, dir, random, v1.Layer.Compressed)
	require.NoError(t, os.Rename(filepath.Join(dir, "sub", "layer-0"), filepath.Join(dir, "hidden")))
	require.NoError(t, os.Symlink("hidden", filepath.Join(dir, "layer-0")))
	assert.Equal(t, pulled.Found, find(t, dir, image).State)

	dir = t.TempDir() // links in an archive
	archived(t, dir, "image.tar", false, random, func(t testing.TB, from string, image v1.Image) {
		writeLayout(t, from, image)
		blobs := filepath.Join(from, "a", "layout", "blobs", "sha256")
		layer := described(t, image).Layers[0].Digest.Encoded()
		require.NoError(t, os.Rename(filepath.Join(blobs, layer), filepath.Join(from, "content")))
		require.NoError(t, os.Symlink("../../../../content", filepath.Join(blobs, layer)))
	})
	assert.Equal(t, pulled.Found, find(t, dir, image).State)
}

func TestBounds(t *testing.T) {
	image := described(t, random)
	dir := t.TempDir()
	for i := range 10 {
		write(t, dir, fmt.Sprint(i), nil)
	}
	_, err := pulled.FindWithin(t.Context(), dir, image, 1000, 11) // with the directory itself
	require.NoError(t, err)
	_, err = pulled.FindWithin(t.Context(), dir, image, 1000, 10)
	require.ErrorContains(t, err, "the directory is too large: too many files")

	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err = z.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for name, text := range map[string][]byte{"a large file": make([]byte, 20_000), "a bomb": bomb.Bytes()} {
		dir = t.TempDir()
		write(t, dir, "file", text)
		_, err = pulled.FindWithin(t.Context(), dir, image, 10_000, 10)
		require.ErrorContains(t, err, "the directory is too large: too many bytes", name)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = pulled.Find(ctx, dir, image)
	require.ErrorIs(t, err, context.Canceled)
	_, err = pulled.Find(t.Context(), filepath.Join(dir, "nothing"), image)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = pulled.Find(t.Context(), dir, pulled.Image{})
	require.ErrorContains(t, err, `digest ""`)
}

// counted is a context that ends at a call of Err.
type counted struct {
	context.Context
	calls, end int
}

func (c *counted) Err() error {
	if c.calls++; c.calls == c.end {
		return context.Canceled
	}
	return nil
}

// Lists of many images, which name the same file, are read in linear time, and no longer than the
// context allows.
func TestLongLists(t *testing.T) {
	image := described(t, random)
	manifest := `{"layers": [` + strings.Repeat(`{"digest":"sha256:"},`, 1000) + `{}]}`
	lists := map[string]func(dir string, entries int){
		"layout": func(dir string, entries int) {
			write(t, dir, "oci-layout", []byte("{}"))
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o777))
			write(t, dir, filepath.Join("blobs", "sha256", digest.FromString(manifest).Encoded()), []byte(manifest))
			entry := fmt.Sprintf(`{"digest":%q}`, digest.FromString(manifest))
			write(t, dir, "index.json", []byte(`{"manifests":[`+strings.Repeat(entry+",", entries-1)+entry+`]}`))
		},
		"docker archive": func(dir string, entries int) {
			write(t, dir, "manifest.json", []byte("["+strings.Repeat("{},", entries-1)+"{}]"))
		},
	}
	for name, list := range lists {
		dir := t.TempDir()
		list(dir, 500)
		assert.Less(t, testing.AllocsPerRun(1, func() {
			assert.Equal(t, pulled.Damaged, find(t, dir, image).State, name)
		}), 50_000.0, name)
		ctx := &counted{Context: t.Context()}
		_, err := pulled.Find(ctx, dir, image)
		require.NoError(t, err)
		require.Greater(t, ctx.calls, 500, name)
		_, err = pulled.Find(&counted{Context: t.Context(), end: ctx.calls}, dir, image)
		require.ErrorIs(t, err, context.Canceled, name)

		list(dir, 20_000)
		require.Equal(t, pulled.Damaged, find(t, dir, image).State, name)
		list(dir, 20_001)
		_, err = pulled.Find(t.Context(), dir, image)
		require.ErrorContains(t, err, "lists more than 20000 images", name)
	}
}

func TestDescribe(t *testing.T) {
	image := described(t, random)
	assert.Len(t, image.Layers, 2)
	for _, layer := range image.Layers {
		assert.NoError(t, layer.DiffID.Validate())
	}
	artifact, err := pulled.Describe([]byte(fmt.Sprintf(`{"config": {"digest": %q}, "layers": [{"digest": %q}]}`, digest.SHA512.FromString("{}"), digest.SHA512.FromString("file"))), []byte("{}"))
	require.NoError(t, err)
	dir := t.TempDir()
	write(t, dir, "file", []byte("file"))
	assert.Equal(t, pulled.Found, find(t, dir, artifact).State)
	for _, manifest := range []string{"", "[]", "{}", `{"config": {"digest": "sha256:x"}}`} {
		_, err := pulled.Describe([]byte(manifest), nil)
		assert.ErrorContains(t, err, "pulled: manifest: ", manifest)
	}
}

// FuzzFind checks that an archive is found only if it has the layers.
func FuzzFind(f *testing.F) {
	small := images.Random(images.Layers(1), images.LayerSize(100))
	image := described(f, small)
	image.Layers[0] = pulled.Layer{Digest: digest.FromString("never")}
	for _, form := range []string{"docker archive", "layout in tar", "layout in tgz"} {
		dir := f.TempDir()
		forms[form](f, dir, small)
		entries, err := os.ReadDir(dir)
		require.NoError(f, err)
		text, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		dir := t.TempDir()
		write(t, dir, "image.tar", archive)
		result, err := pulled.FindWithin(t.Context(), dir, image, 1<<20, 100)
		if err == nil {
			require.NotEqual(t, pulled.Found, result.State, result.Reason)
			require.NotEmpty(t, result.Reason)
		}
	})
}
