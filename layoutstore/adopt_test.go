package layoutstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/layoutdir"
)

// The log says before a file is written that it is ocifake's. If ocifake crashes in between, a file
// that another program writes there later is not deleted, at this start or a later one.
func TestLeftovers(t *testing.T) {
	ours, theirs := digest.FromString("ours"), digest.FromString("theirs")
	index := []byte(`{"schemaVersion":2,"manifests":[]}`)
	log := logOf(t, layoutdir.Record{Kind: layoutdir.HeaderKind},
		layoutdir.Record{Kind: layoutdir.OwnKind, Digest: ours}, layoutdir.Record{Kind: layoutdir.OwnKind, Digest: theirs})
	for name, log := range map[string][]byte{
		"crash":     log,
		"clean end": append(log, logOf(t, layoutdir.Record{Kind: layoutdir.IndexKind, Size: int64(len(index)), Sum: layoutdir.Checksum(index)})...),
	} {
		dir, written := t.TempDir(), time.Now().Add(-time.Hour)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o777))
		for file, about := range map[string]struct {
			text []byte
			time time.Time
		}{
			layoutdir.LogName:          {log, written},
			"oci-layout":               {[]byte(`{"imageLayoutVersion":"1.0.0"}`), written},
			"index.json":               {index, written},
			layoutdir.BlobPath(ours):   {[]byte("ours"), written},
			layoutdir.BlobPath(theirs): {[]byte("theirs"), written.Add(time.Minute)},
		} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), about.text, 0o666))
			require.NoError(t, os.Chtimes(filepath.Join(dir, file), about.time, about.time))
		}
		for range 3 {
			s, err := OpenUnsynced(dir, Options{}, nil)
			require.NoError(t, err, name)
			require.NoError(t, s.load())
			require.NoError(t, s.Crash())
			require.NoFileExists(t, filepath.Join(dir, layoutdir.BlobPath(ours)), name)
			require.FileExists(t, filepath.Join(dir, layoutdir.BlobPath(theirs)), name)
		}
	}
}
