package content

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newLayout writes a layout of an image that is called app:v1, and of an index
// that is called v2 and, by containerd, in full.
func newLayout(t *testing.T) (string, v1.Image, v1.ImageIndex) {
	t.Helper()
	img, err := random.Image(1000, 2)
	require.NoError(t, err)
	index, err := RandomIndex(ImageOptions{Layers: 1, LayerSize: 3000})
	require.NoError(t, err)
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(img, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: "app:v1"})))
	require.NoError(t, path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		ocispec.AnnotationRefName: "v2", containerdName: "docker.io/library/app:v2"})))
	return dir, img, index
}

// pack writes the files of a directory as a tar, their names after a prefix.
func pack(t *testing.T, dir, prefix string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		require.NoError(t, err)
		h, err := tar.FileInfoHeader(info, "")
		require.NoError(t, err)
		local, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		h.Name = prefix + filepath.ToSlash(local)
		if entry.IsDir() {
			h.Name += "/"
			return w.WriteHeader(h)
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(content)
		return err
	}))
	require.NoError(t, w.Close())
	return b.Bytes()
}

func compress(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

// write makes a file with a name that tells nothing.
func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestLoadLayout(t *testing.T) {
	dir, img, index := newLayout(t)
	packed := pack(t, dir, "./")
	imageDigest, err := img.Digest()
	require.NoError(t, err)
	indexDigest, err := index.Digest()
	require.NoError(t, err)

	for name, path := range map[string]string{
		"directory":    dir,
		"tar":          write(t, pack(t, dir, "")),
		"tar with dot": write(t, packed),
		"gzip":         write(t, compress(t, packed)),
	} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			loaded, err := Load(t.Context(), store, path, LoadOptions{})
			require.NoError(t, err)
			require.Len(t, loaded, 2)
			assert.Equal(t, "app", loaded[0].Repository)
			assert.Equal(t, []string{"v1"}, loaded[0].Tags)
			assert.Equal(t, fromHash(imageDigest), loaded[0].Descriptor.Digest)
			assert.Equal(t, "library/app", loaded[1].Repository)
			assert.Equal(t, []string{"v2"}, loaded[1].Tags)
			assert.Equal(t, fromHash(indexDigest), loaded[1].Descriptor.Digest)
			assert.Equal(t, map[string]digest.Digest{"v1": fromHash(imageDigest)}, tagged(t, store, "app"))
			requireConsistent(t, store)

			ref := serve(t, store)
			pulled, err := remote.Image(ref("app:v1"))
			require.NoError(t, err)
			require.NoError(t, validate.Image(pulled))
			pulledIndex, err := remote.Index(ref("library/app:v2"))
			require.NoError(t, err)
			require.NoError(t, validate.Index(pulledIndex))
		})
	}
	t.Run("without AddBlob", func(t *testing.T) {
		store := memstore.New(memstore.Options{})
		_, err := Load(t.Context(), plain{store}, dir, LoadOptions{Repository: "all"})
		require.NoError(t, err)
		requireConsistent(t, store)
		assert.Len(t, tagged(t, store, "all"), 2)
	})
}

func TestLoadDirectoryNotHeld(t *testing.T) {
	img, err := random.Image(1<<20, 1)
	require.NoError(t, err)
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(img))
	store := memstore.New(memstore.Options{MaxBytes: 10_000})
	t.Chdir(filepath.Dir(dir))
	loaded, err := Load(t.Context(), store, filepath.Base(dir), LoadOptions{Repository: "app"})
	require.NoError(t, err)
	require.Len(t, loaded, 1)
	assert.Empty(t, loaded[0].Tags)
	t.Chdir(t.TempDir())
	requireConsistent(t, store)

	layers, err := img.Layers()
	require.NoError(t, err)
	d, err := layers[0].Digest()
	require.NoError(t, err)
	file := filepath.Join(dir, "blobs", "sha256", d.Hex)
	require.NoError(t, os.Chmod(file, 0o600))
	require.NoError(t, os.WriteFile(file, []byte("changed"), 0o600))
	_, err = store.OpenBlob(t.Context(), "app", fromHash(d))
	assert.ErrorContains(t, err, "has changed since it was loaded")
	require.NoError(t, os.Remove(file))
	_, err = store.OpenBlob(t.Context(), "app", fromHash(d))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoadNames(t *testing.T) {
	tests := map[string]struct {
		name       string
		repository string
		want       string // repository:tag, or what the error says
		fails      bool
	}{
		"tag":             {"v1", "app", "app:v1", false},
		"tag alone":       {"v1", "", `the name "v1" has no repository`, true},
		"name":            {"app:v1", "", "app:v1", false},
		"name elsewhere":  {"app:v1", "other/place", "other/place:v1", false},
		"host":            {"docker.io/library/app:v1", "", "library/app:v1", false},
		"port":            {"localhost:5000/team/app:v1", "", "team/app:v1", false},
		"localhost":       {"localhost/app:v1", "", "app:v1", false},
		"no tag":          {"team/app", "", "team/app:latest", false},
		"digest":          {"app@", "", "app:", false},
		"tag and digest":  {"app:v1@", "", "app:v1", false},
		"other digest":    {"app@sha256:123", "", `the name "app@sha256:123" is used for sha256:`, true},
		"nothing":         {"", "app", "app:", false},
		"nothing at all":  {"", "", "has no name: specify the repository", true},
		"not a tag":       {"v 1", "app", `invalid tag "v 1" for repository app`, true},
		"not a tag too":   {"app:", "", `invalid tag "" for repository app`, true},
		"capitals":        {"App:v1", "", `invalid repository name "App"`, true},
		"traversal":       {"../app:v1", "", `invalid repository name "../app"`, true},
		"not a repo":      {"app:v1", "App", `invalid repository name "App"`, true},
		"two colons":      {"app:v1:v2", "", `invalid tag "v1:v2" for repository app`, true},
		"host and no end": {"docker.io/", "", `the name "docker.io/" has no repository`, true},
	}
	img, err := random.Image(10, 1)
	require.NoError(t, err)
	d, err := img.Digest()
	require.NoError(t, err)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, err := layout.Write(dir, empty.Index)
			require.NoError(t, err)
			if strings.HasSuffix(tt.name, "@") {
				tt.name += d.String()
			}
			require.NoError(t, path.AppendImage(img, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: tt.name})))
			store := memstore.New(memstore.Options{})
			loaded, err := Load(t.Context(), store, dir, LoadOptions{Repository: tt.repository})
			if tt.fails {
				require.ErrorContains(t, err, tt.want)
				require.ErrorContains(t, err, "load "+dir+": ")
				return
			}
			require.NoError(t, err)
			require.Len(t, loaded, 1)
			assert.Equal(t, tt.want, loaded[0].Repository+":"+strings.Join(loaded[0].Tags, ","))
			assert.Len(t, tagged(t, store, loaded[0].Repository), len(loaded[0].Tags))
			requireConsistent(t, store)
		})
	}
}

func TestLoadNamesCollide(t *testing.T) {
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	for _, name := range []string{"a:v1", "b:v1"} {
		img, err := random.Image(10, 1)
		require.NoError(t, err)
		require.NoError(t, path.AppendImage(img, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: name})))
	}
	_, err = Load(t.Context(), memstore.New(memstore.Options{}), dir, LoadOptions{Repository: "c"})
	assert.ErrorContains(t, err, "have the name c:v1")
	_, err = Load(t.Context(), memstore.New(memstore.Options{}), dir, LoadOptions{})
	assert.NoError(t, err)
}

// TestLoadSeveralNames has one image under three names in two repositories.
func TestLoadSeveralNames(t *testing.T) {
	img, err := random.Image(10, 1)
	require.NoError(t, err)
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	for _, name := range []string{"a:v2", "b:v1", "a:v1"} {
		require.NoError(t, path.AppendImage(img, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: name})))
	}
	store := memstore.New(memstore.Options{})
	loaded, err := Load(t.Context(), store, dir, LoadOptions{})
	require.NoError(t, err)
	require.Len(t, loaded, 2)
	assert.Equal(t, []string{"v1", "v2"}, loaded[0].Tags)
	assert.Equal(t, []string{"v1"}, loaded[1].Tags)
	requireConsistent(t, store)
}

func TestLoadSparse(t *testing.T) {
	dir, _, index := newLayout(t)
	m, err := index.IndexManifest()
	require.NoError(t, err)
	lost := filepath.Join(dir, "blobs", "sha256", m.Manifests[1].Digest.Hex)
	require.NoError(t, os.Remove(lost))
	store := memstore.New(memstore.Options{})
	_, err = Load(t.Context(), store, dir, LoadOptions{Repository: "app"})
	require.ErrorContains(t, err, "blobs/sha256/"+m.Manifests[1].Digest.Hex+": missing file, referenced by blobs/sha256/")
	assertEmpty(t, store)
	_, err = Load(t.Context(), store, dir, LoadOptions{Repository: "app", AllowSparse: true})
	require.NoError(t, err)
	require.NoError(t, Check(t.Context(), store, CheckOptions{AllowSparse: true}))
}

// assertEmpty tells that no manifest and no upload is there.
func assertEmpty(t *testing.T, store registry.Store) {
	t.Helper()
	for repo, err := range store.Repositories(t.Context(), "") {
		require.NoError(t, err)
		for desc := range store.Manifests(t.Context(), repo, "") {
			assert.Fail(t, "a manifest is there", "%s in %s", desc.Digest, repo)
		}
	}
	requireConsistent(t, store)
}

func TestLoadDocker(t *testing.T) {
	img, err := random.Image(1000, 3)
	require.NoError(t, err)
	tag, err := name.NewTag("team/app:v1", name.WithDefaultRegistry(""))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "content")
	require.NoError(t, tarball.WriteToFile(path, tag, img))
	fromTar, err := tarball.ImageFromPath(path, nil)
	require.NoError(t, err)
	want, err := fromTar.Digest()
	require.NoError(t, err)
	content, err := os.ReadFile(path)
	require.NoError(t, err)

	for name, path := range map[string]string{"tar": path, "gzip": write(t, compress(t, content))} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			loaded, err := Load(t.Context(), store, path, LoadOptions{})
			require.NoError(t, err)
			require.Len(t, loaded, 1)
			assert.Equal(t, "team/app", loaded[0].Repository)
			assert.Equal(t, fromHash(want), loaded[0].Descriptor.Digest, "the digest that crane push gives")
			requireConsistent(t, store)
			pulled, err := remote.Image(serve(t, store)("team/app:v1"))
			require.NoError(t, err)
			require.NoError(t, validate.Image(pulled))
		})
	}
}

// entry is one of a tar.
type entry struct {
	tar.Header
	content string
}

func file1(name, content string) entry { return entry{tar.Header{Name: name}, content} }

func archiveOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Size == 0 {
			e.Size = int64(len(e.content))
		}
		if e.Typeflag == 0 {
			e.Typeflag = tar.TypeReg
		}
		require.NoError(t, w.WriteHeader(&e.Header))
		_, err := io.WriteString(w, e.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Flush())
	return b.Bytes()
}

// dockerSave is what docker save wrote before version 25: layers that are not
// compressed, and links for those that were there already.
func dockerSave(t testing.TB) []entry {
	t.Helper()
	layer := archiveLayer(t, "a file")
	diffID := digest.FromBytes(layer)
	config := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["` +
		diffID.String() + `","` + diffID.String() + `"]}}`
	configName := digest.FromString(config).Encoded() + ".json"
	return []entry{
		{Header: tar.Header{Name: "0a/", Typeflag: tar.TypeDir}},
		file1("0a/layer.tar", string(layer)),
		file1("0a/VERSION", "1.0"),
		{Header: tar.Header{Name: "0b/layer.tar", Typeflag: tar.TypeSymlink, Linkname: "../0a/layer.tar"}},
		file1(configName, config),
		file1("manifest.json", `[{"Config":"`+configName+`","RepoTags":["app:v1","app:v2"],"Layers":["0a/layer.tar","0b/layer.tar"]}]`),
	}
}

func archiveLayer(t testing.TB, content string) []byte {
	t.Helper()
	return append(archiveOf(t, file1("file", content)), make([]byte, tarEnd)...)
}

func TestLoadDockerClassic(t *testing.T) {
	store := memstore.New(memstore.Options{})
	loaded, err := Load(t.Context(), store, write(t, archiveOf(t, dockerSave(t)...)), LoadOptions{})
	require.NoError(t, err)
	require.Len(t, loaded, 1)
	assert.Equal(t, Loaded{"app", []string{"v1", "v2"}, loaded[0].Descriptor}, loaded[0])
	requireConsistent(t, store)
	pulled, err := remote.Image(serve(t, store)("app:v2"))
	require.NoError(t, err)
	require.NoError(t, validate.Image(pulled))

	hard := dockerSave(t)
	hard[3].Header = tar.Header{Name: "0b/layer.tar", Typeflag: tar.TypeLink, Linkname: "0a/layer.tar"}
	_, err = Load(t.Context(), memstore.New(memstore.Options{}), write(t, archiveOf(t, hard...)), LoadOptions{})
	require.NoError(t, err)
}

// TestLoadDockerModern is what docker save writes since version 25: a layout with
// names in full, and manifest.json with those that the user gave.
func TestLoadDockerModern(t *testing.T) {
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	img, err := random.Image(100, 1)
	require.NoError(t, err)
	other, err := random.Image(100, 1)
	require.NoError(t, err)
	for _, tag := range []string{"v1", "v2"} {
		require.NoError(t, path.AppendImage(img, layout.WithAnnotations(map[string]string{
			ocispec.AnnotationRefName: tag, containerdName: "docker.io/library/app:" + tag})))
	}
	require.NoError(t, path.AppendImage(other, layout.WithAnnotations(map[string]string{
		ocispec.AnnotationRefName: "v1", containerdName: "docker.io/library/other:v1"})))
	config, err := img.ConfigName()
	require.NoError(t, err)
	require.NoError(t, path.WriteFile("manifest.json", []byte(
		`[{"Config":"blobs/sha256/`+config.Hex+`","RepoTags":["app:v1","app:v2"],"Layers":["ignored"]}]`), 0o600))

	store := memstore.New(memstore.Options{})
	loaded, err := Load(t.Context(), store, write(t, pack(t, dir, "")), LoadOptions{})
	require.NoError(t, err)
	require.Len(t, loaded, 2)
	assert.Equal(t, "app", loaded[0].Repository)
	assert.Equal(t, []string{"v1", "v2"}, loaded[0].Tags)
	assert.Equal(t, "library/other", loaded[1].Repository)
	requireConsistent(t, store)
}

func TestLoadReferrers(t *testing.T) {
	img, err := random.Image(100, 1)
	require.NoError(t, err)
	raw, err := img.RawManifest()
	require.NoError(t, err)
	subject := v1.Descriptor{MediaType: "application/vnd.docker.distribution.manifest.v2+json", Size: int64(len(raw)), Digest: toHash(digest.FromBytes(raw))}
	referrer := mutate.Subject(mutate.MediaType(empty.Image, ocispec.MediaTypeImageManifest), subject)
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(referrer.(v1.Image)))
	require.NoError(t, path.AppendImage(img))
	store := memstore.New(memstore.Options{})
	_, err = Load(t.Context(), store, dir, LoadOptions{Repository: "app"})
	require.NoError(t, err)
	requireConsistent(t, store)
	found := 0
	for _, err := range store.Referrers(t.Context(), "app", digest.FromBytes(raw), "") {
		require.NoError(t, err)
		found++
	}
	assert.Equal(t, 1, found)
}

func TestLoadSHA512(t *testing.T) {
	s := newSmall()
	long := func(content string) ocispec.Descriptor {
		d := digest.SHA512.FromString(content)
		s.extra = append(s.extra, file1(blobPath(d), content))
		return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: d, Size: int64(len(content))}
	}
	manifest := long(manifestOf(long(s.config)))
	manifest.MediaType = ocispec.MediaTypeImageManifest
	s.index, s.manifest, s.config = indexOf(manifest), "", ""
	store := memstore.New(memstore.Options{})
	loaded, err := Load(t.Context(), store, write(t, archiveOf(t, s.entries()...)), LoadOptions{Repository: "app"})
	require.NoError(t, err)
	assert.Equal(t, manifest.Digest, loaded[0].Descriptor.Digest)
	requireConsistent(t, store)
}

// refusing is a store that refuses a manifest.
type refusing struct {
	registry.Store
	refused digest.Digest
}

func (s refusing) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	if m.Descriptor.Digest == s.refused {
		return registry.Full
	}
	return s.Store.PutManifest(ctx, repo, m)
}

// TestLoadAllOrNothing has a store that takes the image and the children of the
// index and not the index, where a tag of the image was in use already.
func TestLoadAllOrNothing(t *testing.T) {
	dir, img, index := newLayout(t)
	refused, err := index.Digest()
	require.NoError(t, err)
	before, err := RandomImage(ImageOptions{Layers: 1})
	require.NoError(t, err)
	store := memstore.New(memstore.Options{})
	_, err = Repository{Store: store, Name: "all"}.PutImage(t.Context(), before, "v1")
	require.NoError(t, err)
	tags := tagged(t, store, "all")

	_, err = Load(t.Context(), refusing{store, fromHash(refused)}, dir, LoadOptions{Repository: "all"})
	require.ErrorIs(t, err, registry.Full)
	require.ErrorContains(t, err, "put manifest "+refused.String()+" into all")
	assert.True(t, maps.Equal(tags, tagged(t, store, "all")))
	left := 0
	for range store.Manifests(t.Context(), "all", "") {
		left++
	}
	assert.Equal(t, 1, left)
	requireConsistent(t, store)

	_, err = Load(t.Context(), store, dir, LoadOptions{Repository: "all"})
	require.NoError(t, err)
	d, err := img.Digest()
	require.NoError(t, err)
	assert.Equal(t, fromHash(d), tagged(t, store, "all")["v1"])
	requireConsistent(t, store)
}

// A manifest that was there under another media type is so again.
func TestLoadTakesBackDescriptors(t *testing.T) {
	dir, img, index := newLayout(t)
	refused, err := index.Digest()
	require.NoError(t, err)
	manifest, err := img.RawManifest()
	require.NoError(t, err)
	store := memstore.New(memstore.Options{})
	fill(t, store, "all").raw(ocispec.Descriptor{MediaType: "a/b", Annotations: map[string]string{"a": "b"}}, string(manifest), "", "raw")
	before := listAll(t, store)["all"]
	_, err = Load(t.Context(), refusing{store, fromHash(refused)}, dir, LoadOptions{Repository: "all"})
	require.ErrorIs(t, err, registry.Full)
	after := listAll(t, store)["all"]
	require.Equal(t, before.tags, after.tags)
	require.Equal(t, before.manifests, after.manifests)
}

func TestLoadErrorOfStore(t *testing.T) {
	dir, _, _ := newLayout(t)
	store := memstore.New(memstore.Options{MaxBytes: 100})
	_, err := Load(t.Context(), store, write(t, pack(t, dir, "")), LoadOptions{Repository: "app"})
	require.ErrorIs(t, err, registry.Full)
	require.ErrorContains(t, err, "blobs/sha256/")
	assertEmpty(t, store)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	cancel(stop)
	_, err = Load(ctx, store, write(t, pack(t, dir, "")), LoadOptions{Repository: "app"})
	require.ErrorIs(t, err, stop)
}
