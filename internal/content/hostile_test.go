package content

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/ocifake/ocifake/memstore"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small is a layout of one image without layers, as entries that a test spoils.
type small struct {
	layout, index, manifest, config string
	extra                           []entry
}

func newSmall() *small {
	s := &small{layout: `{"imageLayoutVersion":"1.0.0"}`, config: `{"rootfs":{"type":"layers"}}`}
	s.manifest = manifestOf(describe(types.OCIConfigJSON, []byte(s.config)))
	s.index = indexOf(describe(types.OCIManifestSchema1, []byte(s.manifest)))
	return s
}

func manifestOf(config ocispec.Descriptor) string {
	return `{"schemaVersion":2,"config":` + string(encode(config)) + `,"layers":[]}`
}

func indexOf(children ...ocispec.Descriptor) string {
	return `{"schemaVersion":2,"manifests":` + string(encode(children)) + `}`
}

func blobEntry(content string) entry { return file1(blobPath(digest.FromString(content)), content) }

func (s *small) entries() []entry {
	all := []entry{file1("oci-layout", s.layout), file1("index.json", s.index)}
	for _, blob := range []string{s.manifest, s.config} {
		if blob != "" {
			all = append(all, blobEntry(blob))
		}
	}
	return append(all, s.extra...)
}

// retype makes the entry at an offset one of another type.
func retype(b []byte, offset int, typeflag byte) []byte {
	header := b[offset : offset+tarBlock]
	header[156] = typeflag
	copy(header[148:156], "        ")
	sum := 0
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func link(typeflag byte, name, target string) entry {
	return entry{Header: tar.Header{Name: name, Linkname: target, Typeflag: typeflag}}
}

func TestLoadHostileArchive(t *testing.T) {
	ok := newSmall()
	manifest := describe(types.OCIManifestSchema1, []byte(ok.manifest))
	tests := map[string]struct {
		extra []entry
		want  string
	}{
		"parent":            {[]entry{file1("../evil", "")}, `entry "../evil" of the archive: invalid path`},
		"parent inside":     {[]entry{file1("blobs/../../evil", "")}, `entry "blobs/../../evil" of the archive: invalid path`},
		"absolute":          {[]entry{file1("/etc/passwd", "")}, `entry "/etc/passwd" of the archive: invalid path`},
		"no name":           {[]entry{file1(".", "")}, `entry "." of the archive: invalid path`},
		"directory":         {[]entry{{Header: tar.Header{Name: "../d/", Typeflag: tar.TypeDir}}}, `entry "../d/" of the archive: the path is outside of the archive`},
		"twice":             {[]entry{file1("index.json", ok.index)}, `entry "index.json" of the archive: duplicate entry`},
		"twice, other name": {[]entry{file1("./index.json", ok.index)}, `entry "./index.json" of the archive: duplicate entry`},
		"link over file":    {[]entry{link(tar.TypeSymlink, "index.json", "x")}, `duplicate entry`},
		"link out":          {[]entry{link(tar.TypeSymlink, "a/b", "../../evil")}, `entry "a/b" of the archive: link to "../../evil", which is outside of the archive`},
		"link absolute":     {[]entry{link(tar.TypeSymlink, "a/b", "/etc/passwd")}, `link to "/etc/passwd", which is outside`},
		"hard link out":     {[]entry{link(tar.TypeLink, "a/b", "../evil")}, `link to "../evil", which is outside`},
		"link to itself":    {[]entry{link(tar.TypeSymlink, "manifest.json", "manifest.json")}, `manifest.json: link to manifest.json, which is not a file of the archive`},
		"pipe":              {[]entry{{Header: tar.Header{Name: "p", Typeflag: tar.TypeFifo}}}, `entry "p" of the archive: unsupported type '6'`},
		"device":            {[]entry{{Header: tar.Header{Name: "d", Typeflag: tar.TypeBlock}}}, `unsupported type '4'`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSmall()
			s.extra = tt.extra
			store := memstore.New(memstore.Options{})
			path := write(t, archiveOf(t, s.entries()...))
			_, err := Load(t.Context(), store, path, LoadOptions{Repository: "app"})
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "load "+path+": ")
			assertEmpty(t, store)
		})
	}
	_, err := Load(t.Context(), memstore.New(memstore.Options{}), write(t, archiveOf(t, ok.entries()...)), LoadOptions{Repository: "app"})
	require.NoError(t, err)
	assert.Equal(t, manifest.Digest, digest.FromString(ok.manifest))
}

func TestLoadHostileLayout(t *testing.T) {
	other := `{"rootfs":{"type":"layers"} }`
	nested := func(s *small, depth int) {
		child := describe(types.OCIManifestSchema1, []byte(s.manifest))
		for range depth {
			content := indexOf(child)
			s.extra = append(s.extra, blobEntry(content))
			child = describe(types.OCIImageIndex, []byte(content))
		}
		s.index = indexOf(child)
	}
	tests := map[string]struct {
		spoil func(*small)
		want  string
	}{
		"version":      {func(s *small) { s.layout = `{"imageLayoutVersion":"2.0.0"}` }, `oci-layout: imageLayoutVersion is "2.0.0": want "1.0.0"`},
		"version JSON": {func(s *small) { s.layout = `[]` }, `oci-layout: `},
		"index JSON":   {func(s *small) { s.index = `{` }, `index.json: `},
		"index digest": {func(s *small) {
			s.index = strings.Replace(s.index, "sha256:", "sha256:../../", 1)
		}, `index.json: manifests[0]: "sha256:../../`},
		"index size": {func(s *small) {
			s.index = strings.Replace(s.index, `"size":`, `"size":1`, 1)
		}, `, but index.json has 1`},
		"index media type": {func(s *small) {
			s.index = strings.Replace(s.index, string(types.OCIManifestSchema1), "text/plain", 1)
		}, `Content-Type "text/plain" is not the media type of a manifest`},
		"no manifest": {func(s *small) { s.manifest = "" }, `missing file, referenced by index.json`},
		"no config":   {func(s *small) { s.config = "" }, `missing file, referenced by blobs/sha256/`},
		"manifest digest": {func(s *small) {
			s.extra = []entry{file1(blobPath(digest.FromString(s.manifest)), strings.Replace(s.manifest, "layers", "Layers", 1))}
			s.manifest = ""
		}, `: the content has digest sha256:`},
		"config digest": {func(s *small) {
			s.extra = []entry{file1(blobPath(digest.FromString(s.config)), other[:len(s.config)])}
			s.config = ""
		}, `put blob into app: `},
		"link to a link": {func(s *small) {
			path := blobPath(digest.FromString(s.config))
			s.extra = []entry{link(tar.TypeSymlink, path, "b"), link(tar.TypeSymlink, "blobs/sha256/b", "c"), file1("blobs/sha256/c", s.config)}
			s.config = ""
		}, `: link to blobs/sha256/b, which is not a file of the archive`},
		"nested":        {func(s *small) { nested(s, maxDepth+2) }, `nesting of indexes exceeds 64 levels`},
		"manifest.json": {func(s *small) { s.extra = []entry{file1("manifest.json", "{}")} }, `manifest.json: `},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSmall()
			tt.spoil(s)
			store := memstore.New(memstore.Options{})
			_, err := Load(t.Context(), store, write(t, archiveOf(t, s.entries()...)), LoadOptions{Repository: "app"})
			require.ErrorContains(t, err, tt.want)
			assertEmpty(t, store)
		})
	}
	t.Run("index too long", func(t *testing.T) {
		dir, _, _ := newLayout(t)
		require.NoError(t, os.Truncate(filepath.Join(dir, "index.json"), maxDocument+1))
		store := memstore.New(memstore.Options{})
		_, err := Load(t.Context(), store, dir, LoadOptions{Repository: "app"})
		require.ErrorContains(t, err, `index.json: 67108865 bytes: want at most 67108864`)
		assertEmpty(t, store)
	})
	s := newSmall()
	nested(s, maxDepth)
	_, err := Load(t.Context(), memstore.New(memstore.Options{}), write(t, archiveOf(t, s.entries()...)), LoadOptions{Repository: "app"})
	require.NoError(t, err)
}

func TestLoadHostileDocker(t *testing.T) {
	tests := map[string]struct {
		spoil func([]entry)
		want  string
	}{
		"JSON":    {func(e []entry) { e[5].content = `{}` }, `manifest.json: json: `},
		"config":  {func(e []entry) { e[4].Name = "other.json" }, `: file does not exist`},
		"outside": {func(e []entry) { e[5].content = `[{"Config":"../../etc/passwd"}]` }, `image 0 in manifest.json: open ../../etc/passwd: file does not exist`},
		"config's name": {func(e []entry) {
			hex := strings.Repeat("0", 64)
			e[5].content = strings.Replace(e[5].content, strings.TrimSuffix(e[4].Name, ".json"), hex, 1)
			e[4].Name = hex + ".json"
		}, strings.Repeat("0", 64) + `.json: the content has digest sha256:`},
		"config's JSON": {func(e []entry) { e[4].content = "[]" }, `.json: json: `},
		"layers":        {func(e []entry) { e[5].content = strings.Replace(e[5].content, `,"0b/layer.tar"`, "", 1) }, `.json has 2 diff IDs for 1 layers`},
		"missing layer": {func(e []entry) { e[5].content = strings.Replace(e[5].content, `0a/layer.tar`, "0c/layer.tar", 1) }, `0c/layer.tar: file does not exist`},
		"other layer":   {func(e []entry) { e[1].content = string(archiveLayer(t, "another")) }, `0a/layer.tar: diff ID is sha256:`},
		"empty layer":   {func(e []entry) { e[1].content = "" }, `0a/layer.tar: the layer is empty: want a tar`},
		"zstd layer":    {func(e []entry) { e[1].content = string(zstdMagic) }, `0a/layer.tar: zstd compression is not supported`},
		"broken layer":  {func(e []entry) { e[1].content = string(gzipMagic) + "broken" }, `0a/layer.tar: `},
		"bomb": {func(e []entry) { e[1].content = string(compress(t, make([]byte, 2<<20))) },
			`0a/layer.tar: decompressed size exceeds 1048576 bytes`},
		"repository": {func(e []entry) { e[5].content = strings.Replace(e[5].content, "app:v1", "APP:v1", 1) }, `invalid repository name "APP"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			entries := dockerSave(t)
			tt.spoil(entries)
			store := memstore.New(memstore.Options{})
			_, err := Load(t.Context(), store, write(t, archiveOf(t, entries...)), LoadOptions{MaxUnpacked: 1 << 20})
			require.ErrorContains(t, err, tt.want)
			assertEmpty(t, store)
		})
	}
}

// record is one of an extended header; its length counts its own digits.
func record(key, value string) string {
	body := " " + key + "=" + value + "\n"
	return fmt.Sprint(len(body)+2) + body
}

func TestLoadBroken(t *testing.T) {
	good := archiveOf(t, newSmall().entries()...)
	huge := archiveOf(t, file1("huge", ""))
	copy(huge[124:136], "77777777777\x00")
	records := record("GNU.sparse.major", "0") + record("GNU.sparse.minor", "1") +
		record("GNU.sparse.numblocks", "1") + record("GNU.sparse.map", "0,0") + record("GNU.sparse.size", "1000000000000")
	sparse := append(retype(archiveOf(t, file1("x", records)), 0, tar.TypeXHeader), archiveOf(t, file1("sparse", ""))...)
	tests := map[string]struct {
		content []byte
		want    string
	}{
		"nothing":        {nil, "neither an OCI image layout (oci-layout is missing) nor the output of docker save (manifest.json is missing)"},
		"text":           {[]byte("hello"), "entry 1 of the archive: "},
		"zstd":           {append(bytes.Clone(zstdMagic), make([]byte, 1000)...), "entry 1 of the archive: "},
		"cut":            {good[:len(good)-700], "unexpected EOF"},
		"huge":           {retype(huge, 0, tar.TypeReg), "entry 2 of the archive: unexpected EOF"},
		"sparse":         {sparse, "sparse files are not supported: create the archive without --sparse"},
		"gzip of text":   {compress(t, []byte("hello")), "entry 1 of the archive: "},
		"cut gzip":       {compress(t, good)[:200], "decompress: unexpected EOF"},
		"cut gzip start": {gzipMagic, "unexpected EOF"},
		"bomb":           {compress(t, append(bytes.Clone(good), make([]byte, 2<<20)...)), "decompressed size exceeds 1048576 bytes: decompress the archive before loading"},
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			_, err := Load(t.Context(), store, write(t, tt.content), LoadOptions{Repository: "app", MaxUnpacked: 1 << 20})
			require.ErrorContains(t, err, tt.want)
			assertEmpty(t, store)
		})
	}
	left, err := filepath.Glob(filepath.Join(temporary, "ocifake-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestLoadPaths(t *testing.T) {
	store := memstore.New(memstore.Options{})
	_, err := Load(t.Context(), store, filepath.Join(t.TempDir(), "none"), LoadOptions{})
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(t.Context(), store, os.DevNull, LoadOptions{})
	assert.ErrorContains(t, err, "neither a directory nor a file")
	_, err = Load(t.Context(), store, t.TempDir(), LoadOptions{})
	assert.ErrorContains(t, err, "neither an OCI image layout")
}

// TestLoadHostileDirectory has files that are none, and links out of the layout.
func TestLoadHostileDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	s := newSmall()
	config := blobPath(digest.FromString(s.config))
	outside := write(t, []byte(s.config))
	tests := map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"link out":  {func(dir string) error { return os.Symlink(outside, filepath.Join(dir, config)) }, config + ": path escapes from parent"},
		"directory": {func(dir string) error { return os.Mkdir(filepath.Join(dir, config), 0o700) }, config + ": not a regular file: d"},
		"manifest.json is another": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "oci-layout"), filepath.Join(dir, "manifest.json"))
		}, "manifest.json: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, e := range s.entries() {
				if e.Name == config {
					continue
				}
				file := filepath.Join(dir, filepath.FromSlash(e.Name))
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
				require.NoError(t, os.WriteFile(file, []byte(e.content), 0o600))
			}
			require.NoError(t, tt.spoil(dir))
			store := memstore.New(memstore.Options{})
			_, err := Load(t.Context(), store, dir, LoadOptions{Repository: "app"})
			require.ErrorContains(t, err, tt.want)
			assertEmpty(t, store)
		})
	}
}

// FuzzLoad feeds archives to Load. What is loaded must be consistent, and what is
// refused must leave no manifest.
func FuzzLoad(f *testing.F) {
	good := archiveOf(f, newSmall().entries()...)
	f.Add(good)
	f.Add(archiveOf(f, dockerSave(f)...))
	f.Add(archiveOf(f, append(newSmall().entries(), link(tar.TypeSymlink, "a/b", "../index.json"))...))
	f.Add(good[:1500])
	f.Fuzz(func(t *testing.T, content []byte) {
		store := memstore.New(memstore.Options{MaxBytes: 8 << 20})
		a, err := readArchive(t.Context(), bytes.NewReader(content), int64(len(content)))
		if err == nil {
			_, err = load(t.Context(), store, a, LoadOptions{Repository: "app", MaxUnpacked: 1 << 20})
		}
		if err == nil {
			require.NoError(t, Check(t.Context(), store, CheckOptions{}))
			return
		}
		for desc := range store.Manifests(t.Context(), "app", "") {
			require.Fail(t, "a manifest of a broken archive is there", "%s after %v", desc.Digest, err)
		}
	})
}
