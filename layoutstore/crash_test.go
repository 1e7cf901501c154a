package layoutstore_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registry"
)

// childVariable chooses what a child process of a test does instead of running tests.
const childVariable = "OCIFAKE_LAYOUTSTORE_CHILD"

var children = map[string]func(dir string){"push": pushForever, "hold": hold, "full": fullDisk}

// startChild runs the test binary as a child with a directory, and returns its output.
func startChild(t *testing.T, what, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// pushForever pushes images to a registry, and prints the tag and the digest of each when the push
// was answered with 201. It deletes some, and prints that before. The log is shortened often.
func pushForever(dir string) {
	store, err := layoutstore.OpenShortening(dir, nil)
	if err != nil {
		panic(err)
	}
	handler := registry.New(store, registry.Options{})
	send := func(method, path, contentType, body string, want int) http.Header {
		r := httptest.NewRequest(method, "/v2/app/"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			panic(fmt.Sprint(method, " ", path, ": ", w.Code, w.Body))
		}
		return w.Result().Header
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				name := fmt.Sprint("v", rand.Uint64())
				layer := strings.Repeat(name, 1+rand.IntN(2_000))
				config := fmt.Sprintf(`{"name":%q}`, name)
				for _, blob := range []string{layer, config} {
					send(http.MethodPost, "blobs/uploads/?digest="+digest.FromString(blob).String(), "application/octet-stream", blob, http.StatusCreated)
				}
				manifest := imageOf(config, layer)
				send(http.MethodPut, "manifests/"+name, ocispec.MediaTypeImageManifest, manifest, http.StatusCreated)
				fmt.Println("pushed", name, digest.FromString(manifest))
				if rand.IntN(4) == 0 {
					fmt.Println("deleting", name)
					send(http.MethodDelete, "manifests/"+digest.FromString(manifest).String(), "", "", http.StatusAccepted)
					send(http.MethodDelete, "blobs/"+digest.FromString(layer).String(), "", "", http.StatusAccepted)
				}
			}
		})
	}
	wg.Wait()
}

func imageOf(config, layer string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		ocispec.MediaTypeImageManifest, digest.FromString(config), len(config), digest.FromString(layer), len(layer))
}

// hold opens a store, says so, and waits to be killed.
func hold(dir string) {
	if _, err := layoutstore.Open(dir, layoutstore.Options{}); err != nil {
		panic(err)
	}
	fmt.Println("open")
	select {}
}

// TestCrash kills a process that pushes, again and again in the same directory. The content
// that was answered with success is there and whole, and no other file remains.
func TestCrash(t *testing.T) {
	t.Parallel()
	rounds, images := 2, 10 // each image is three pushes
	if thorough.Enabled() {
		rounds, images = 20, 333
	}
	var dir string
	there := map[string]string{}
	for round := range rounds {
		if round%4 == 0 {
			dir, there = newDirectory(t), map[string]string{}
		}
		cmd, lines := startChild(t, "push", dir)
		for n := rand.IntN(images); n > 0 && lines.Scan(); n-- {
			noteLine(t, there, lines.Text())
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() {
			noteLine(t, there, lines.Text())
		}
		_ = cmd.Wait() // it was killed
		requireWhole(t, dir, there)
	}
}

// noteLine reads a line of pushForever. The last line can be a part of one.
func noteLine(t *testing.T, there map[string]string, line string) {
	words := strings.Fields(line)
	switch {
	case len(words) == 3 && len(words[2]) == len(digest.FromString("")):
		there[words[1]] = words[2]
	case len(words) == 2 && words[0] == "deleting":
		delete(there, words[1])
	}
}

func requireWhole(t *testing.T, dir string, there map[string]string) {
	t.Helper()
	s, err := layoutstore.Open(dir, layoutstore.Options{})
	require.NoError(t, err)
	check(t, s)
	tags := map[string]string{}
	for tag, err := range s.Tags(t.Context(), "app", "") {
		if errors.Is(err, registry.NameUnknown) {
			break // nothing was pushed
		}
		require.NoError(t, err)
		tags[tag.Name] = string(tag.Digest)
	}
	for name, d := range there {
		require.Equal(t, d, tags[name], name)
	}
	visible := map[string]bool{}
	for _, d := range collect(t, s.Blobs(t.Context(), "app", "")) {
		visible[d.Digest.Encoded()] = true
	}
	for _, d := range collect(t, s.Manifests(t.Context(), "app", "")) {
		visible[d.Digest.Encoded()] = true
	}
	require.NoError(t, s.Close())
	files, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, f := range files {
		require.True(t, visible[f.Name()], "%s is left over", f.Name())
	}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		require.NotContains(t, name, "ocifake.new")
		return err
	}))
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := newDirectory(t)
	cmd, lines := startChild(t, "hold", dir)
	require.True(t, lines.Scan())
	err := refused(t, dir, layoutstore.Options{})
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "another process")
	require.NoError(t, refused(t, dir, layoutstore.Options{ReadOnly: true}))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	require.NoError(t, refused(t, dir, layoutstore.Options{}))
}

// TestShortens: the log of a store that is open does not grow with the number of changes, and
// index.json follows it.
func TestShortens(t *testing.T) {
	t.Parallel()
	dir := newDirectory(t)
	shortened := 0
	s, err := layoutstore.OpenShortening(dir, func(op, name string) error {
		if op == "rename" && name == "ocifake.store" {
			shortened++
		}
		return nil
	})
	require.NoError(t, err)
	p := image(t, "image")
	p.Require = nil
	var largest int64
	for i := range 200 {
		p.Tags = []string{fmt.Sprint("v", i%3)}
		require.NoError(t, s.PutManifest(t.Context(), "app", p))
		require.NoError(t, s.DeleteManifest(t.Context(), "app", p.Tags[0], registry.Precondition{}))
		info, err := os.Stat(filepath.Join(dir, "ocifake.store"))
		require.NoError(t, err)
		largest = max(largest, info.Size())
	}
	p.Tags = []string{"last"}
	require.NoError(t, s.PutManifest(t.Context(), "app", p))
	require.Less(t, largest, int64(8<<10))
	require.Greater(t, shortened, 10)
	require.NoError(t, s.Crash())
	again := open(t, dir, layoutstore.Options{})
	require.Len(t, collect(t, again.Tags(t.Context(), "app", "")), 1)
	check(t, again)
}
