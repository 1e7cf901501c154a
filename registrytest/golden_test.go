package registrytest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// updateGolden is what the caller of these tests wants.
var updateGolden = os.Getenv("OCIFAKE_UPDATE") != ""

// requireGolden compares a text with that of a file in testdata, or writes it if
// OCIFAKE_UPDATE is set.
func requireGolden(t testing.TB, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if updateGolden {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

const pingTranscript = `GET http://<host-1>/v2/
> Accept-Encoding: gzip
> User-Agent: Go-http-client
< 200
< Content-Length: 2
< Content-Type: application/json
`

func TestTranscript(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	ping := func() { requirePing(t, reg.Client(), reg.URL()) }
	ping()
	write := func(t *testing.T, text string) string {
		file := filepath.Join(t.TempDir(), "ping.golden")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	check := func(file string, filters ...record.Filter) (bool, []string) {
		var held bool
		failed := runTest(func(t testing.TB) { held = reg.Assert(t, filters...).Transcript(file) })
		return held, failed.failures
	}

	t.Run("same", func(t *testing.T) {
		t.Setenv("OCIFAKE_UPDATE", "")
		held, failures := check(write(t, pingTranscript))
		assert.True(t, held)
		assert.Empty(t, failures)
	})
	t.Run("line ends of Windows", func(t *testing.T) {
		t.Setenv("OCIFAKE_UPDATE", "")
		held, failures := check(write(t, strings.ReplaceAll(pingTranscript, "\n", "\r\n")))
		assert.True(t, held)
		assert.Empty(t, failures)
	})
	t.Run("unreadable", func(t *testing.T) {
		for _, update := range []string{"", "1"} {
			t.Setenv("OCIFAKE_UPDATE", update)
			held, failures := check(t.TempDir())
			assert.False(t, held)
			assert.Len(t, failures, 1)
		}
	})
	t.Run("no request to write", func(t *testing.T) {
		t.Setenv("OCIFAKE_UPDATE", "1")
		file := write(t, "as it was")
		held, failures := check(file, record.Repo("app"))
		assert.False(t, held)
		require.Len(t, failures, 1)
		assert.Contains(t, failures[0], "\ngot none\n")
		assert.Equal(t, "as it was", read(t, file))
	})
	t.Run("variable", func(t *testing.T) {
		t.Setenv("OCIFAKE_UPDATE", "please")
		held, failures := check(write(t, pingTranscript))
		assert.False(t, held)
		require.Len(t, failures, 1)
		assert.Contains(t, failures[0], "OCIFAKE_UPDATE=please: want 1 or 0")
	})
	for name, set := range map[string]func(t *testing.T){
		"update by variable": func(t *testing.T) { t.Setenv("OCIFAKE_UPDATE", "1") },
		"update by flag": func(t *testing.T) {
			t.Setenv("OCIFAKE_UPDATE", "0")
			require.Nil(t, flag.Lookup("update"))
			commandLine := flag.CommandLine
			t.Cleanup(func() { flag.CommandLine = commandLine })
			flag.CommandLine = flag.NewFlagSet("", flag.ContinueOnError)
			flag.Bool("update", false, "write golden files")
			require.NoError(t, flag.CommandLine.Parse([]string{"-update"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			set(t)
			for _, file := range []string{write(t, "another"), filepath.Join(t.TempDir(), "new", "ping.golden")} {
				held, failures := check(file)
				assert.True(t, held)
				assert.Empty(t, failures)
				assert.Equal(t, pingTranscript, read(t, file))
			}
		})
	}
	t.Run("flag of another kind", func(t *testing.T) {
		t.Setenv("OCIFAKE_UPDATE", "")
		commandLine := flag.CommandLine
		t.Cleanup(func() { flag.CommandLine = commandLine })
		flag.CommandLine = flag.NewFlagSet("", flag.ContinueOnError)
		flag.String("update", "everything", "")
		held, _ := check(write(t, "another"))
		assert.False(t, held)
	})
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
