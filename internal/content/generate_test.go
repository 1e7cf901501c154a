package content

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func generate(t *testing.T, store registry.Store, text string) []Loaded {
	t.Helper()
	g, err := ParseGenerate(text)
	require.NoError(t, err)
	loaded, err := g.Into(t.Context(), store)
	require.NoError(t, err)
	return loaded
}

func TestExpand(t *testing.T) {
	tests := map[string]string{
		"app":                     "app",
		"app:v1":                  "app:v1",
		"app:{v1..v3}":            "app:v1 app:v2 app:v3",
		"app:{9..11}-rc":          "app:9-rc app:10-rc app:11-rc",
		"app:{08..11}":            "app:08 app:09 app:10 app:11",
		"app:{0..1}":              "app:0 app:1",
		"app:{00..01}":            "app:00 app:01",
		"app:{1.9..1.10}":         "app:1.9 app:1.10",
		"app:{v7..v7}":            "app:v7",
		"{a,b}":                   "a b",
		"app{,-debug}":            "app app-debug",
		"{b,a}/app:{1..2,latest}": "b/app:1 b/app:2 b/app:latest a/app:1 a/app:2 a/app:latest",
		"{x:1,y:2}{3,4}":          "x:13 x:14 y:23 y:24",
		"{1..10000}":              "",
		"":                        "",
	}
	for pattern, want := range tests {
		words, err := expand(pattern, maxReferences)
		require.NoError(t, err, pattern)
		if pattern == "{1..10000}" {
			assert.Len(t, words, 10_000)
			continue
		}
		assert.Equal(t, want, strings.Join(words, " "), pattern)
	}
}

func TestParseGenerate(t *testing.T) {
	defaults := ImageOptions{Layers: 3, LayerSize: 4096}
	with := func(change func(*ImageOptions)) ImageOptions {
		o := defaults
		change(&o)
		return o
	}
	tests := map[string]struct {
		options ImageOptions
		index   bool
	}{
		"app":                {defaults, false},
		" \tapp \n":          {defaults, false},
		"app layers=7":       {with(func(o *ImageOptions) { o.Layers = 7 }), false},
		"app size=1MiB":      {with(func(o *ImageOptions) { o.LayerSize = 1 << 20 }), false},
		"app size=1MB":       {with(func(o *ImageOptions) { o.LayerSize = 1e6 }), false},
		"app size=1.5GiB":    {with(func(o *ImageOptions) { o.LayerSize = 3 << 29 }), false},
		"app size=5000":      {with(func(o *ImageOptions) { o.LayerSize = 5000 }), false},
		"app seed=7  docker": {with(func(o *ImageOptions) { o.Seed, o.Docker = 7, true }), false},
		"app index":          {defaults, true},
		"app platforms=linux/arm/v7,windows/amd64:10.0.1": {with(func(o *ImageOptions) {
			o.Platforms = []string{"linux/arm/v7", "windows/amd64:10.0.1"}
		}), false},
		`app annotation.a=b annotation.c.d="e f=\"" annotation.empty=`: {with(func(o *ImageOptions) {
			o.Annotations = map[string]string{"a": "b", "c.d": `e f="`, "empty": ""}
		}), false},
	}
	for text, tt := range tests {
		g, err := ParseGenerate(text)
		require.NoError(t, err, text)
		assert.Equal(t, Generate{text: text, references: []reference{{"app", "latest"}}, options: tt.options, index: tt.index}, g, text)
		assert.Equal(t, text, g.String())
	}
	g, err := ParseGenerate("team-{a,b}/app{,:v1}")
	require.NoError(t, err)
	assert.Equal(t, "[team-a/app:latest team-a/app:v1 team-b/app:latest team-b/app:v1]", fmt.Sprint(g.references))
}

func TestParseGenerateErrors(t *testing.T) {
	tests := map[string]string{
		"":                          "a reference is missing: want app:v1, or app:{v1..v9}",
		" ":                         "a reference is missing: want app:v1, or app:{v1..v9}",
		strings.Repeat("a", 4097):   "4097 bytes of text: want 4096 at most",
		"layers=3":                  `reference "layers=3": invalid repository name "layers=3"`,
		"App:v1":                    `reference "App:v1": invalid repository name "App": want a lower-case name such as "team/app", without a host`,
		"{a,B}:v1":                  `reference "B:v1": invalid repository name "B"`,
		"app:":                      `reference "app:": invalid tag "" for repository app: want `,
		"app:v 1":                   `"1": unknown option: want layers=, size=, platforms=, seed=, index, docker or annotation.KEY=`,
		"localhost:5000/app":        `invalid tag "5000/app" for repository localhost`,
		"app@sha256:0":              `invalid repository name "app@sha256"`,
		"app:{v1..v9":               `reference "app:{v1..v9": { without }: want {a,b} or {v1..v9}, without spaces or nested braces`,
		"app:{v1, v2}":              `{ without }`,
		"app:{a,{b,c}}":             `{ without }`,
		"app:v1}":                   `reference "app:v1}": unexpected }`,
		"app:{v1}":                  `reference "app:{v1}": {v1}: want {a,b} or {v1..v9}`,
		"app:{}":                    `{}: want {a,b} or {v1..v9}`,
		"app:{v9..v1}":              `"v9..v1": want an ascending range of numbers with the same prefix, as in v1..v9`,
		"app:{a..c}":                `"a..c": want an ascending range of numbers`,
		"app:{v1..w2}":              `"v1..w2": want an ascending range of numbers`,
		"app:{1..}":                 `"1..": want an ascending range of numbers`,
		"app:{..}":                  `"..": want an ascending range of numbers`,
		"app:{1..2..3}":             `"1..2..3": want an ascending range of numbers`,
		"app:{1..99999999999}":      `want an ascending range of numbers`,
		"app:{01..100}":             `"01..100": want the same number of digits on both sides, as in v01..v12`,
		"app:{1..010}":              `"1..010": want the same number of digits on both sides`,
		"app:{1..10001}":            `reference "app:{1..10001}": {1..10001}: it expands to more than 10000`,
		"app:{0..4294967295}":       `it expands to more than 10000`,
		"app:{1..9000,1..9000}":     `it expands to more than 10000`,
		"app:{1..101}{1..100}":      `reference "app:{1..101}{1..100}": it expands to more than 10000`,
		"app:{v1,v1}":               `reference "app:{v1,v1}": duplicate app:v1`,
		"{app,app:latest}":          `duplicate app:latest`,
		"app layers":                `"layers": want layers= with a number from 1 to 1000`,
		"app layers=":               `"layers=": want layers= with a number from 1 to 1000`,
		"app layers=0":              `"layers=0": want layers= with a number from 1 to 1000`,
		"app layers=1001":           `"layers=1001": want layers= with`,
		"app layers=-1":             `"layers=-1": want layers= with`,
		"app layers=65539":          `"layers=65539": want layers= with`,
		"app size":                  `"size": want size= with a size such as 4096, 1MiB or 1MB, up to 1TiB`,
		"app size=0":                `"size=0": want size= with`,
		"app size=2TiB":             `"size=2TiB": want size= with`,
		"app size=17EB":             `"size=17EB": want size= with`,
		"app size=1 MiB":            `"MiB": unknown option`,
		"app size=1Mx":              `"size=1Mx": want size= with`,
		"app seed=-1":               `"seed=-1": want seed= with a number from 0 to 18446744073709551615`,
		"app platforms=":            `"platforms=": want platforms= with up to 100 different os/architecture or os/architecture/variant, separated by commas`,
		"app platforms=linux":       `"platforms=linux": want platforms= with`,
		"app platforms=linux/":      `"platforms=linux/": want platforms= with`,
		"app platforms=a/b/c/d":     `"platforms=a/b/c/d": want platforms= with`,
		"app platforms=a/b,a/b":     `"platforms=a/b,a/b": want platforms= with`,
		"app platforms=a/b,":        `"platforms=a/b,": want platforms= with`,
		"app docker=true":           `"docker=true": want docker without a value`,
		"app index=":                `"index=": want index without a value`,
		"app =":                     `"=": unknown option`,
		"app Layers=3":              `"Layers=3": unknown option`,
		"app annotation.a":          `"annotation.a": want annotation.KEY=VALUE`,
		"app annotation.=a":         `"annotation.=a": want annotation.KEY=VALUE`,
		`app annotation.a="b`:       `annotation.a: invalid quoted string`,
		`app annotation.a="b"c`:     `annotation.a: want a space after the closing quote`,
		"app seed=1 seed=1":         `duplicate option seed`,
		"app index index":           `duplicate option index`,
		"app docker annotation.a=b": `docker: Docker's manifests have no annotations: remove docker or annotation.KEY`,
		"app:{1..101} layers=1000":  `101 references, 1 images of 1000 layers for each: want 100000 layers at most`,
		"app:{1..9} layers=1 size=512GiB platforms=a/b,c/d": `18 layers of 512 GiB: want 1.0 TiB at most`,
	}
	for text, want := range tests {
		g, err := ParseGenerate(text)
		assert.ErrorContains(t, err, want, text)
		assert.Equal(t, Generate{}, g, text)
	}
}

// A platform for each of many is fine, one more is not.
func TestParseGeneratePlatforms(t *testing.T) {
	var platforms []string
	for i := range maxPlatforms {
		platforms = append(platforms, fmt.Sprintf("linux/a%d", i))
	}
	text := "app platforms=" + strings.Join(platforms, ",")
	g, err := ParseGenerate(text)
	require.NoError(t, err)
	assert.Equal(t, platforms, g.options.Platforms)
	_, err = ParseGenerate(text + ",linux/amd64")
	assert.ErrorContains(t, err, "want platforms= with up to 100 different")
}

func TestGenerate(t *testing.T) {
	tests := map[string]struct {
		text    string
		digests []string // never change
	}{
		"image":       {"app", []string{"app:latest 74915afc5d9a"}},
		"references":  {"{a,b}:{v1..v2}", []string{"a:v1 885294ce715c", "a:v2 2c8178b0acc7", "b:v1 cc68a6b3c3bd", "b:v2 292d3dbdf4a3"}},
		"seed":        {"app seed=1", []string{"app:latest 1e843ce84233"}},
		"one layer":   {"app layers=1 size=100000", []string{"app:latest 6698c85375ac"}},
		"platform":    {"app platforms=linux/arm64", []string{"app:latest c5defe253987"}},
		"platforms":   {"app platforms=linux/amd64,linux/arm64", []string{"app:latest 2caaa32b4068"}},
		"index":       {"app index annotation.a=b", []string{"app:latest 0ba8a8811201"}},
		"docker":      {"app docker", []string{"app:latest 48da2a76f38b"}},
		"docker list": {"app docker index", []string{"app:latest 97d11f3f42f7"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(memstore.Options{})
			var digests []string
			for _, l := range generate(t, store, tt.text) {
				require.Len(t, l.Tags, 1)
				digests = append(digests, l.Repository+":"+l.Tags[0]+" "+l.Descriptor.Digest.Encoded()[:12])
				m, err := store.Manifest(t.Context(), l.Repository, l.Tags[0])
				require.NoError(t, err)
				assert.Equal(t, m.Descriptor, l.Descriptor)
			}
			assert.Equal(t, tt.digests, digests)
			requireConsistent(t, store)
		})
	}
}

func TestGeneratePulled(t *testing.T) {
	store := memstore.New(memstore.Options{})
	generate(t, store, "app:{v1,v2} layers=2 size=70000 platforms=linux/amd64,linux/arm/v7 annotation.a=b")
	generate(t, store, "one docker layers=1")
	ref := serve(t, store)

	index, err := remote.Index(ref("app:v2"))
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	m, err := index.IndexManifest()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b"}, m.Annotations)
	require.Len(t, m.Manifests, 2)
	assert.Equal(t, "linux/arm/v7", m.Manifests[1].Platform.String())
	child, err := index.Image(m.Manifests[1].Digest)
	require.NoError(t, err)
	layers, err := child.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 2)
	size, err := layers[1].Size()
	require.NoError(t, err)
	assert.EqualValues(t, 70000, size)

	img, err := remote.Image(ref("one"))
	require.NoError(t, err)
	require.NoError(t, validate.Image(img))
	mediaType, err := img.MediaType()
	require.NoError(t, err)
	assert.Equal(t, types.DockerManifestSchema2, mediaType)
}

// No two references have content in common, and what one has does not depend on
// the others.
func TestGenerateReferencesDiffer(t *testing.T) {
	store := memstore.New(memstore.Options{})
	seen := make(map[digest.Digest]bool)
	digests := make(map[string]digest.Digest)
	for _, text := range []string{"{a,b}:{v1..v20}", "c:{v1..v20} seed=1", "c:{w1..w20} index"} {
		for _, l := range generate(t, store, text) {
			digests[l.Repository+":"+l.Tags[0]] = l.Descriptor.Digest
		}
	}
	for _, repo := range []string{"a", "b", "c"} {
		for desc, err := range store.Blobs(t.Context(), repo, "") {
			require.NoError(t, err)
			require.False(t, seen[desc.Digest], "%s in %s", desc.Digest, repo)
			seen[desc.Digest] = true
		}
	}
	assert.Len(t, seen, (2*20+20+2*20)*(3+1))
	alone := generate(t, memstore.New(memstore.Options{}), "b:v7")
	assert.Equal(t, digests["b:v7"], alone[0].Descriptor.Digest)
}

// What is large is made when it is read; a Store that cannot do that is given it.
func TestGenerateNotHeld(t *testing.T) {
	const text = "app:{v1..v3} layers=1 size=22MiB"
	store := memstore.New(memstore.Options{MaxBytes: 1 << 20})
	generate(t, store, text)
	requireConsistent(t, store)

	held := memstore.New(memstore.Options{MaxBytes: 100 << 20})
	generate(t, plain{held}, text)
	assert.Greater(t, held.Bytes(), int64(3*22<<20))
	requireConsistent(t, held)
}

func TestGenerateFull(t *testing.T) {
	store := memstore.New(memstore.Options{MaxBytes: 100_000})
	g, err := ParseGenerate("app:{v1..v90}")
	require.NoError(t, err)
	_, err = g.Into(t.Context(), store)
	require.ErrorIs(t, err, registry.Full)
	assert.ErrorContains(t, err, "generate app:v8: layer 2: ")
	assertEmpty(t, store)
}

// countdown is a Store that does not take the n-th manifest.
type countdown struct {
	*memstore.Store
	n *int
}

var errRefused = errors.New("refused")

func (s countdown) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	if *s.n--; *s.n == 0 {
		return errRefused
	}
	return s.Store.PutManifest(ctx, repo, m)
}

func TestGenerateRefused(t *testing.T) {
	store := memstore.New(memstore.Options{})
	was := generate(t, store, "app:v1 seed=7")
	g, err := ParseGenerate("app:{v1..v5} index")
	require.NoError(t, err)
	n := 8
	_, err = g.Into(t.Context(), countdown{store, &n})
	require.ErrorIs(t, err, errRefused)
	assert.ErrorContains(t, err, "generate app:{v1..v5} index: ")
	assert.Equal(t, map[string]digest.Digest{"v1": was[0].Descriptor.Digest}, tagged(t, store, "app"))
	var manifests []ocispec.Descriptor
	for desc, err := range store.Manifests(t.Context(), "app", "") {
		require.NoError(t, err)
		manifests = append(manifests, desc)
	}
	assert.Len(t, manifests, 1)
}

// The digests of what would take hours to read are not waited for.
func TestGenerateCancelled(t *testing.T) {
	g, err := ParseGenerate("app layers=1 size=1TiB")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	store := memstore.New(memstore.Options{})
	done := make(chan error)
	go func() {
		_, err := g.Into(ctx, store)
		done <- err
	}()
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assertEmpty(t, store)
}

func FuzzParseGenerate(f *testing.F) {
	for _, text := range []string{
		"app:{v1..v9} layers=3 size=1MiB platforms=linux/amd64,linux/arm64",
		"team-{a,b}/app{,-debug}:{1.0..1.12,latest} seed=7 docker",
		`app index annotation.a="b c"`,
		"{a,b}{01..99}{,x}",
		"app size=1.5GiB layers=1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGenerate(text)
		if err != nil {
			return
		}
		require.Equal(t, text, g.String())
		require.NotEmpty(t, g.references)
		require.LessOrEqual(t, len(g.references), maxReferences)
		seen := make(map[reference]bool)
		for _, ref := range g.references {
			require.NoError(t, Repository{Name: ref.repository}.checkNames(ref.tag))
			require.False(t, seen[ref])
			seen[ref] = true
		}
		require.Positive(t, g.size())
		require.LessOrEqual(t, g.size(), int64(maxAllBytes))
		g.references, g.options.Layers, g.options.LayerSize = g.references[:1], 1, 0
		store := memstore.New(memstore.Options{})
		_, err = g.Into(t.Context(), store)
		require.NoError(t, err)
		require.NoError(t, Check(t.Context(), store, CheckOptions{}))
	})
}
