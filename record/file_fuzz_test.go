package record

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile is a limit under which the fuzzer cannot exhaust the machine.
var hostile = limits{entry: 1 << 20, log: 64 << 20}

// FuzzReadHAR: what was read of a file, even of a broken one, is a log that can
// be written and read again.
func FuzzReadHAR(f *testing.F) {
	f.Add(writeHAR(f, pull()).Bytes())
	f.Add(writeHAR(f, arbitrary(f, 1, 2)).Bytes())
	f.Add([]byte(`{"log":{"entries":[{"startedDateTime":"2026-01-01T00:00:00Z","time":1e300,"request":{"method":"GET","url":"h:%zz"}}]}}`))
	f.Add([]byte(`{"log":{"entries":[{"_ocifake":null},{}]},"log":{]`))
	for _, name := range []string{"testdata/chrome.har", "testdata/firefox.har"} {
		file, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		log, _ := readHAR(bytes.NewReader(file), hostile)
		requireRoundTrip(t, log)
	})
}

// FuzzReadJSONL: likewise.
func FuzzReadJSONL(f *testing.F) {
	for _, log := range []Log{pull(), arbitrary(f, 1, 3)} {
		var file bytes.Buffer
		require.NoError(f, log.WriteJSONL(&file))
		f.Add(file.Bytes())
	}
	f.Add([]byte(strings.Repeat("{}\n", 3)))
	f.Fuzz(func(t *testing.T, file []byte) {
		log, _ := readJSONL(bytes.NewReader(file), hostile)
		requireRoundTrip(t, log)
	})
}

// FuzzRoundTrip writes and reads logs that the fuzzer cannot spell.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { requireRoundTrip(t, arbitrary(t, seed, 3)) })
}

func requireRoundTrip(t *testing.T, log Log) {
	t.Helper()
	back, err := ReadHAR(writeHAR(t, log))
	require.NoError(t, err)
	requireSame(t, log, back)
	var lines bytes.Buffer
	require.NoError(t, log.WriteJSONL(&lines))
	back, err = ReadJSONL(&lines)
	require.NoError(t, err)
	requireSame(t, log, back)
}
