package kept_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/kept"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// writeWorld writes a kept world with small blobs, without the syncs of a store.
func writeWorld(t testing.TB, dir string, blobs int) {
	t.Helper()
	host := filepath.Join(dir, "ghcr.io")
	require.NoError(t, os.MkdirAll(filepath.Join(host, "blobs", "sha256"), 0o700))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	sum := func(text string) uint32 { return crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)) }
	var log strings.Builder
	record := func(text string) { fmt.Fprintf(&log, "%08x %s\n", sum(text), text) }
	record("ocifake-store 1")
	for i := range blobs {
		text := fmt.Sprint(i)
		d := digest.FromString(text)
		write("ghcr.io/blobs/sha256/"+d.Encoded(), text)
		record(fmt.Sprintf("blob app %s %d", d, len(text)))
	}
	const index = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	record(fmt.Sprintf("index %d %08x", len(index), sum(index)))
	write("world.json", `{"version":1,"hosts":["ghcr.io"]}`)
	write("ghcr.io/answers.json", `{}`)
	write("ghcr.io/index.json", index)
	write("ghcr.io/oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
	write("ghcr.io/ocifake.store", log.String())
}

// BenchmarkOpen opens a world, whose log is read when the first request needs it.
func BenchmarkOpen(b *testing.B) {
	for _, blobs := range []int{0, 10_000} {
		dir := b.TempDir()
		writeWorld(b, dir, blobs)
		b.Run(fmt.Sprint(blobs), func(b *testing.B) {
			for b.Loop() {
				w, err := replay.Open(dir)
				require.NoError(b, err)
				require.NoError(b, w.Close())
			}
		})
	}
}

// BenchmarkNewWorld starts a world of 10,000 blobs and an empty one by turns: "x" is the time of the
// former relative to the latter.
func BenchmarkNewWorld(b *testing.B) {
	empty, full := b.TempDir(), b.TempDir()
	writeWorld(b, empty, 0)
	writeWorld(b, full, 10_000)
	compare(b, func() { registrytest.NewWorld(b, registrytest.Replay(full)) }, func() { registrytest.NewWorld(b, registrytest.Replay(empty)) })
}

// BenchmarkPull pulls a blob of 16 MiB from a world that is replayed and from a layoutstore with the same
// files by turns: "x" is the time of the former relative to the latter.
func BenchmarkPull(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "world")
	require.NoError(b, keep(b, dir, kept.Options{}, newReal(b, "app:v1 layers=1 size=16MiB"), func(c client) { c.pull("app", "v1") }))
	store, err := layoutstore.Open(filepath.Join(dir, "ghcr.io"), layoutstore.Options{ReadOnly: true})
	require.NoError(b, err)
	defer store.Close()
	direct := httptest.NewServer(registry.New(store, registry.Options{}))
	defer direct.Close()
	replayed(b, dir, func(c client) {
		m, err := store.Manifest(b.Context(), "app", "v1")
		require.NoError(b, err)
		p, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
		require.NoError(b, err)
		path := "/v2/app/blobs/" + string(p.Require[len(p.Require)-1].Digest)
		pull := func(url string, from *http.Client) func() {
			return func() {
				answer, err := from.Get(url + path)
				require.NoError(b, err)
				n, err := io.Copy(io.Discard, answer.Body)
				require.NoError(b, errors.Join(err, answer.Body.Close()))
				require.EqualValues(b, 16<<20, n)
			}
		}
		first, second := pull(c.url, c.http), pull(direct.URL, direct.Client())
		first() // which verifies the blob
		compare(b, first, second)
	})
}

// compare calls functions by turns, and reports the time of the first relative to the second.
func compare(b *testing.B, first, second func()) {
	b.Helper()
	var took [2]time.Duration
	for b.Loop() {
		for i, f := range []func(){first, second} {
			begun := time.Now()
			f()
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "x")
}

// TestManyBlobs: a world is read when the first request needs it.
func TestManyBlobs(t *testing.T) {
	dir := t.TempDir()
	writeWorld(t, dir, 1000)
	replayed(t, dir, func(c client) {
		require.Equal(t, "999", string(c.get("app/blobs/"+string(digest.FromString("999"))).body))
	})
}
