package kept_test

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/replay"
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

// BenchmarkOpen opens a world, whose log is checked then. The start of a program takes several times as
// long as that of 10,000 blobs.
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

// TestManyBlobs: a world is read when the first request needs it.
func TestManyBlobs(t *testing.T) {
	dir := t.TempDir()
	writeWorld(t, dir, 1000)
	replayed(t, dir, func(c client) {
		require.Equal(t, "999", string(c.get("app/blobs/"+string(digest.FromString("999"))).body))
	})
}
