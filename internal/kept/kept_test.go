package kept_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/kept"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/registry"
)

// artifact returns a manifest of an artifact without content, with a subject.
func artifact(subject ocispec.Descriptor) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":"text/x","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2}],"subject":{"mediaType":%q,"digest":%q,"size":%d}}`,
		ocispec.MediaTypeImageManifest, digest.FromString("{}"), digest.FromString("{}"), subject.MediaType, subject.Digest, subject.Size)
}

// TestLists: lists are answered as they were, and what was absent is not missing.
func TestLists(t *testing.T) {
	host := newReal(t, "app:{v1,v2,v3} layers=1")
	m, err := host.store.Manifest(t.Context(), "app", "v1")
	require.NoError(t, err)
	putBlob(t, host.store, "app", []byte("{}"))
	signature := put(t, host.store, "app", ocispec.MediaTypeImageManifest, artifact(m.Descriptor))
	dir := filepath.Join(t.TempDir(), "world")
	ask := func(c client) {
		c.pull("app", "v1")
		assert.Contains(t, string(c.get("app/tags/list").body), `["v1","v2","v3"]`)
		assert.Contains(t, string(c.get("app/referrers/"+string(m.Descriptor.Digest)).body), signature)
		assert.Equal(t, 404, c.get("app/manifests/none").StatusCode)
		assert.Equal(t, 404, c.get("nothing/tags/list").StatusCode)
		assert.Equal(t, 200, c.do(http.MethodHead, "app/manifests/v1").StatusCode)
		assert.Contains(t, string(c.get("_catalog").body), `["app"]`)
	}
	require.NoError(t, keep(t, dir, kept.Options{}, host, ask))
	w := replayed(t, dir, func(c client) {
		ask(c)
		assert.Contains(t, string(c.get("app/tags/list?n=1&last=v1").body), `["v2"]`)
	})
	assert.Empty(t, w.Missing())

	w = replayed(t, dir, func(c client) {
		assert.Equal(t, 404, c.get("app/manifests/v2").StatusCode, "only its name is known")
		assert.Equal(t, 404, c.get("other/tags/list").StatusCode)
		c.get("app/referrers/" + string(signature))
		c.get("app/manifests/v2")
	})
	assert.Equal(t, []string{
		"ghcr.io/app/manifests/v2 (2)",
		"ghcr.io/app/referrers/" + string(signature) + " (1)",
		"ghcr.io/other/tags/list (1)",
	}, w.Missing())
}

// TestPushed: what a client pushes is not missing, and does not change the directory.
func TestPushed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	host := newReal(t, "app:v1")
	require.NoError(t, keep(t, dir, kept.Options{}, host, func(c client) { c.pull("app", "v1") }))
	before := tree(t, dir)
	d := digest.FromString("new")
	w := replayed(t, dir, func(c client) {
		assert.Equal(t, 404, c.do(http.MethodHead, "app/blobs/"+string(d)).StatusCode)
		r, err := http.Post(c.url+"/v2/app/blobs/uploads/?digest="+string(d), "application/octet-stream", strings.NewReader("new"))
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		assert.Equal(t, 201, r.StatusCode)
		assert.Equal(t, 200, c.do(http.MethodHead, "app/blobs/"+string(d)).StatusCode)
		http.DefaultClient.CloseIdleConnections()
	})
	assert.Empty(t, w.Missing())
	assert.Equal(t, before, tree(t, dir))
}

// TestTagged: clients tag an image of which only the manifest was kept, and add to an index. What other
// manifests refer to must be there.
func TestTagged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	host := newReal(t, "app:v1 layers=1")
	require.NoError(t, keep(t, dir, kept.Options{}, host, func(c client) { c.get("app/manifests/v1") }))
	replayed(t, dir, func(c client) {
		manifest := c.get("app/manifests/v1")
		put := func(mediaType, text string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.url+"/v2/app/manifests/v2", strings.NewReader(text))
			require.NoError(t, err)
			r.Header.Set("Content-Type", mediaType)
			response, err := c.http.Do(r)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			return response.StatusCode
		}
		mediaType := manifest.Header.Get("Content-Type")
		assert.Equal(t, http.StatusCreated, put(mediaType, string(manifest.body)))
		assert.Equal(t, manifest.body, c.get("app/manifests/v2").body)
		assert.Equal(t, http.StatusCreated, put(mediaType, string(manifest.body)+"\n"), "another with the same layers")
		absent := strings.Replace(string(manifest.body), `"layers":[{"mediaType":"`, `"layers":[{"digest":"`+string(digest.FromString("absent"))+`","size":6,"mediaType":"application/x"},{"mediaType":"`, 1)
		assert.Contains(t, []int{http.StatusNotFound, http.StatusBadRequest}, put(mediaType, absent))
	})
}

// TestIncomplete: a part is completed from the host, or the old world stays.
func TestIncomplete(t *testing.T) {
	host := newReal(t, "app:v1 layers=1 size=64KiB")
	m, err := host.store.Manifest(t.Context(), "app", "v1")
	require.NoError(t, err)
	p, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
	require.NoError(t, err)
	layer := string(p.Require[len(p.Require)-1].Digest)
	dir := filepath.Join(t.TempDir(), "world")
	require.NoError(t, keep(t, dir, kept.Options{}, host, func(c client) {
		assert.Equal(t, 200, c.do(http.MethodHead, "app/manifests/v1").StatusCode)
		assert.Equal(t, 206, c.do(http.MethodGet, "app/blobs/"+layer, "Range", "bytes=10-19").StatusCode)
	}))
	before := tree(t, dir)
	replayed(t, dir, func(c client) {
		assert.Len(t, c.get("app/blobs/"+layer).body, 64<<10)
		assert.Equal(t, m.Content, c.get("app/manifests/v1").body)
	})

	down := false
	fails := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		host.ServeHTTP(w, r)
	})
	err = keep(t, dir, kept.Options{}, fails, func(c client) {
		c.do(http.MethodGet, "app/blobs/"+layer, "Range", "bytes=10-19")
		down = true
	})
	assert.ErrorContains(t, err, "is as it was")
	assert.ErrorContains(t, err, "host ghcr.io: app/blobs/"+layer+" is incomplete")
	assert.ErrorContains(t, err, "503")
	assert.Equal(t, before, tree(t, dir))
	assert.NoDirExists(t, dir+".new")
}

// TestLies: what does not verify is not kept.
func TestLies(t *testing.T) {
	host := newReal(t, "app:v1 layers=1")
	for name, path := range map[string]string{"blob": "/blobs/", "manifest": "/manifests/"} {
		t.Run(name, func(t *testing.T) {
			lies := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, path) && strings.Contains(r.URL.Path, "sha256:") {
					_, _ = w.Write([]byte("a lie"))
					return
				}
				host.ServeHTTP(w, r)
			})
			m, err := host.store.Manifest(t.Context(), "app", "v1")
			require.NoError(t, err)
			p, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
			require.NoError(t, err)
			dir := filepath.Join(t.TempDir(), "world")
			err = keep(t, dir, kept.Options{}, lies, func(c client) {
				c.get("app/blobs/" + string(p.Require[0].Digest))
				c.get("app/manifests/" + string(m.Descriptor.Digest))
			})
			assert.ErrorContains(t, err, "digest is "+string(digest.FromString("a lie")))
			assert.NoDirExists(t, dir)
		})
	}
}

// TestSecrets: nothing that gives access reaches the directory: in headers, URLs and bodies of answers
// and requests.
func TestSecrets(t *testing.T) {
	host := newReal(t, "app:v1 layers=1")
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "SECRET-1", r.URL.Query().Get("X-Amz-Signature"))
		w.Header().Set("Set-Cookie", "session=SECRET-2")
		r.URL.RawQuery = ""
		host.ServeHTTP(w, r)
	}))
	defer storage.Close()
	var asked http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/issue":
			fmt.Fprint(w, `{"token":"SECRET-3","refresh_token":"SECRET-4","expires_in":60}`)
		case r.Header.Get("Authorization") != "Bearer SECRET-3":
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/issue?key=SECRET-5",service="some"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"not SECRET-6","detail":{"token":"SECRET-6"}}]}`, http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/manifests/none"):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"SECRET-3 does not help"}]}`)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, storage.URL+r.URL.Path+"?X-Amz-Signature=SECRET-1", http.StatusTemporaryRedirect)
		default:
			host.ServeHTTP(w, r)
		}
	}
	dir := filepath.Join(t.TempDir(), "world")
	require.NoError(t, keep(t, dir, kept.Options{}, asked, func(c client) {
		challenge := c.get("app/manifests/v1").Header.Get("WWW-Authenticate")
		realm, _, _ := strings.Cut(strings.TrimPrefix(challenge, `Bearer realm="`), `"`)
		r, err := c.http.Get(realm + "&password=SECRET-7")
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		c.token = "SECRET-3"
		c.pull("app", "v1")
		assert.Equal(t, 404, c.get("app/manifests/none").StatusCode)
	}))
	for name, text := range tree(t, dir) {
		assert.NotContains(t, text, "SECRET", name)
		assert.NotContains(t, text, "127.0.0.1", name)
	}
	replayed(t, dir, func(c client) { c.pull("app", "v1") })
}

// TestShallow: a shallow world has the structure of the images, and no layers.
func TestShallow(t *testing.T) {
	host := newReal(t, "app:{v1,v2} layers=2 size=1MiB platforms=linux/amd64,linux/arm64")
	dir := filepath.Join(t.TempDir(), "world")
	pull := func(c client) { c.pull("app", "v1") }
	require.NoError(t, keep(t, dir, kept.Options{Shallow: true}, host, pull))
	size := 0
	for _, text := range tree(t, dir) {
		size += len(text)
	}
	assert.Less(t, size, 100<<10)
	m, err := host.store.Manifest(t.Context(), "app", "v1")
	require.NoError(t, err)
	w := replayed(t, dir, func(c client) {
		index := c.pull("app", "v1")
		assert.Len(t, index, len(m.Content))
		assert.NotEqual(t, m.Content, index)
	})
	assert.Empty(t, w.Missing())
	w = replayed(t, dir, func(c client) { c.get("app/manifests/" + string(m.Descriptor.Digest)) })
	require.Len(t, w.Missing(), 1)
	assert.Contains(t, w.Missing()[0], "the world is shallow, and has sha256:")
	before := tree(t, dir)
	require.NoError(t, keep(t, dir, kept.Options{Shallow: true}, host, pull))
	assert.Equal(t, before, tree(t, dir))
}

// TestReplaces: the directory is replaced as a whole, and files of others in it stay.
func TestReplaces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	one, two := newReal(t, "app:v1 seed=1"), newReal(t, "app:v1 seed=2")
	pull := func(c client) { c.pull("app", "v1") }
	require.NoError(t, keep(t, dir, kept.Options{}, one, pull))
	first := tree(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("x"), 0o600))
	require.NoError(t, keep(t, dir, kept.Options{}, two, pull))
	second := tree(t, dir)
	assert.Equal(t, "x", second["/.gitattributes"])
	delete(second, "/.gitattributes")
	assert.NotEqual(t, first, second)
	for name := range second {
		if strings.Contains(name, "/blobs/") {
			assert.NotContains(t, first, name, "nothing of the old world is left")
		}
	}
	assert.NoDirExists(t, dir+".old")

	require.NoError(t, os.Rename(dir, dir+".old")) // killed between the steps of the replacement
	_, err := replay.Open(dir)
	assert.ErrorContains(t, err, "rename it")
	k, err := kept.Keep(dir, kept.Options{})
	require.NoError(t, err)
	_, err = kept.Keep(dir, kept.Options{})
	assert.ErrorContains(t, err, "another run is keeping this world")
	require.NoError(t, k.Abort())
	assert.FileExists(t, filepath.Join(dir, "world.json"))

	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "precious"), nil, 0o600))
	_, err = kept.Keep(other, kept.Options{})
	assert.ErrorContains(t, err, "not a kept world")
	assert.FileExists(t, filepath.Join(other, "precious"))
}

// TestChangedIndex: another program has renamed a tag in the layout of a host.
func TestChangedIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	require.NoError(t, keep(t, dir, kept.Options{}, newReal(t, "app:v1 layers=1"), func(c client) { c.pull("app", "v1") }))
	index := filepath.Join(dir, "ghcr.io", "index.json")
	text, err := os.ReadFile(index)
	require.NoError(t, err)
	require.Contains(t, string(text), "app:v1")
	require.NoError(t, os.WriteFile(index, bytes.ReplaceAll(text, []byte("app:v1"), []byte("app:v2")), 0o600))
	w := replayed(t, dir, func(c client) {
		c.pull("app", "v2")
		assert.Equal(t, http.StatusNotFound, c.get("app/manifests/v1").StatusCode)
	})
	assert.Equal(t, []string{"ghcr.io/app/manifests/v1 (1)"}, w.Missing())
}

// TestHostile: a directory from elsewhere does no harm.
func TestHostile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	host := newReal(t, "app:v1 layers=1")
	require.NoError(t, keep(t, dir, kept.Options{}, host, func(c client) { c.pull("app", "v1") }))
	m, err := host.store.Manifest(t.Context(), "app", "v1")
	require.NoError(t, err)
	p, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
	require.NoError(t, err)
	layer := p.Require[len(p.Require)-1].Digest
	write := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	}
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"traversal":      {write("world.json", `{"version":1,"hosts":["../ghcr.io"]}`), "without a scheme and a path"},
		"dots":           {write("world.json", `{"version":1,"hosts":[".."]}`), "want a host name"},
		"list of hosts":  {write("world.json", `{"version":1,"hosts":["a.b,c.d"]}`), "not the name of a host"},
		"twice":          {write("world.json", `{"version":1,"hosts":["ghcr.io","ghcr.io"]}`), "twice"},
		"version":        {write("world.json", `{"version":2,"hosts":[]}`), "version 2 is not supported"},
		"unknown field":  {write("world.json", `{"version":1,"hosts":[],"x":1}`), "unknown field"},
		"huge":           {write("world.json", strings.Repeat(" ", 17<<20)), "more than"},
		"bad tag":        {write("ghcr.io/answers.json", `{"tags":{"app":["../x"]}}`), "not a tag"},
		"bad repository": {write("ghcr.io/answers.json", `{"tags":{"../app":[]}}`), "not the name of a repository"},
		"bomb":           {write("ghcr.io/answers.json", `{"generated":{"sha256:`+strings.Repeat("a", 64)+`":{"size":9223372036854775807,"seed":1,"repositories":["app"]}}}`), "cannot be"},
		"link": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "ghcr.io"), dir+".elsewhere"), os.Symlink(dir+".elsewhere", filepath.Join(dir, "ghcr.io")))
		}, "not a directory"},
		"linked file": {func(dir string) error {
			file := filepath.Join(dir, "ghcr.io", "answers.json")
			return errors.Join(os.Remove(file), os.Symlink("/etc/passwd", file))
		}, "not a regular file"},
		"huge log": {func(dir string) error { return os.Truncate(filepath.Join(dir, "ghcr.io", "ocifake.store"), 1<<30) }, "more than"},
		"no log":   {func(dir string) error { return os.Remove(filepath.Join(dir, "ghcr.io", "ocifake.store")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "world")
			require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
			require.NoError(t, c.change(copied))
			w, err := replay.Open(copied)
			if c.want == "" {
				require.NoError(t, err)
				require.NoError(t, w.Close())
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}

	blob := filepath.Join("ghcr.io", "blobs", "sha256", layer.Encoded())
	for name, change := range map[string]func(file string) error{
		"other content": func(file string) error {
			text, err := os.ReadFile(file)
			return errors.Join(err, os.WriteFile(file, bytes.Map(func(r rune) rune { return 'x' }, text)[:len(text)], 0o600))
		},
		"shorter": func(file string) error {
			return os.WriteFile(file, []byte("version https://git-lfs.github.com/spec/v1\n"), 0o600)
		},
		"gone": os.Remove,
		"a log that is not one": func(file string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(file), "..", "..", "ocifake.store"), []byte("00000000 ocifake-store 1\n00000000 blob\n"), 0o600)
		},
		"a link":    func(file string) error { return errors.Join(os.Remove(file), os.Symlink("/etc/passwd", file)) },
		"directory": func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) },
		"right, but outside": func(file string) error {
			outside := filepath.Join(t.TempDir(), "blob")
			return errors.Join(os.Rename(file, outside), os.Symlink(outside, file))
		},
		"in a directory outside": func(file string) error {
			outside := filepath.Join(t.TempDir(), "sha256")
			return errors.Join(os.Rename(filepath.Dir(file), outside), os.Symlink(outside, filepath.Dir(file)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "world")
			require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
			require.NoError(t, change(filepath.Join(copied, blob)))
			w := replayed(t, copied, func(c client) {
				a := c.get("app/blobs/" + string(layer))
				assert.Equal(t, 500, a.StatusCode)
				assert.NotContains(t, string(a.body), "root:")
			})
			require.Len(t, w.Missing(), 1)
			assert.Regexp(t, "^ghcr.io: damaged: (blob "+string(layer)+"|repository app: .* path escapes from parent|ocifake.store: )", w.Missing()[0])
		})
	}
}
