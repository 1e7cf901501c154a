package registrytest_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestJournal looks at what a test logs at its end.
func TestJournal(t *testing.T) {
	ping := func(t testing.TB, c *talk) { c.ask("GET", "/v2/") }
	for _, test := range []struct {
		name    string
		options []registrytest.Option
		test    func(t testing.TB, c *talk)
		journal string // empty: none
	}{
		{"passed", nil, ping, ""},
		{"failed", nil, func(t testing.TB, c *talk) {
			ping(t, c)
			c.ask("GET", "/v2/app/manifests/v1")
			t.Errorf("for some reason")
		}, `journal of http://use-registry-transport.test:
  #  at  op            what    status  out  time  conn
  1   0  ping                     200    2     0     1
  2   0  manifest.get  app:v1     404  156     0     1  NAME_UNKNOWN`},
		{"ended", nil, func(t testing.TB, c *talk) {
			ping(t, c)
			t.Fatal("for some reason")
		}, `journal of http://use-registry-transport.test:
  #  at  op    status  out  time  conn
  1   0  ping     200    2     0     1`},
		{"failed without a request", nil, func(t testing.TB, c *talk) { t.Errorf("for some reason") }, `journal of http://use-registry-transport.test:
no requests`},
		{"failed without a handshake", nil, func(t testing.TB, c *talk) {
			for range 12 {
				distrust(c)
			}
			t.Errorf("for some reason")
		}, "journal of http://use-registry-transport.test:\nno requests" + refusals(10) + "\n… 2 more"},
		{"shown", nil, func(t testing.TB, c *talk) {
			ping(t, c)
			c.reg.Assert(t).Count(2)
		}, ""},
		{"shown to be empty", nil, func(t testing.TB, c *talk) { c.reg.Assert(t).Count(2) }, ""},
		{"shown in part", nil, func(t testing.TB, c *talk) {
			ping(t, c)
			c.reg.Assert(t).Count(2)
			ping(t, c)
		}, `journal of http://use-registry-transport.test:
  #  at  op    status  out  time  conn
  1   0  ping     200    2     0     1
  2   0  ping     200    2     0     1`},
		{"dropped", []registrytest.Option{registrytest.WithRecording(registrytest.Recording{MaxBytes: -1})}, func(t testing.TB, c *talk) {
			ping(t, c)
			t.Errorf("for some reason")
		}, `journal of http://use-registry-transport.test, of a record that is not complete: 1 dropped:
no requests`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran := runTest(func(fake testing.TB) {
					reg := registrytest.New(fake, append(test.options, registrytest.WithInMemory())...)
					test.test(fake, &talk{t: t, reg: reg})
				})
				var journals []string
				for _, line := range ran.logs {
					if strings.HasPrefix(line, "journal") {
						journals = append(journals, strings.TrimSuffix(line, "\n"))
					}
				}
				if test.journal == "" {
					assert.Empty(t, journals)
				} else {
					assert.Equal(t, []string{test.journal}, journals)
				}
			})
		})
	}
}

func refusals(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "\nconnection %d without a request: TLS handshake: remote error: tls: bad certificate", i+1)
	}
	return text.String()
}

// TestFailing is the test that TestFailure runs.
func TestFailing(t *testing.T) {
	if os.Getenv("OCIFAKE_FAILING") == "" {
		t.Skip("runs in TestFailure")
	}
	reg := registrytest.New(t, registrytest.WithInMemory())
	t.Run("assert", func(t *testing.T) {
		requirePing(t, reg.Client(), reg.URL())
		reg.Assert(t, record.Op(op.Ping)).Count(2) // this line
		t.Log("goes on")
	})
	t.Run("require", func(t *testing.T) {
		t.Parallel()
		reg.Require(t).Sequence(registrytest.Step{record.Op(op.TagList)}) // this line
		t.Error("goes on")
	})
	t.Run("other", func(t *testing.T) {
		other := registrytest.New(t, registrytest.WithInMemory())
		requirePing(t, other.Client(), other.URL())
		t.Fatal("for some reason")
	})
}

// TestFailure looks at the output of go test for a test that fails: each failure
// is that of the subtest that asserts, in the line in which it asserts.
func TestFailure(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFailing$")
	cmd.Env = append(os.Environ(), "OCIFAKE_FAILING=1")
	out, err := cmd.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)

	source := strings.Split(read(t, "journal_test.go"), "\n")
	failures := regexp.MustCompile(`(?m)^ +journal_test\.go:(\d+): registrytest: want (.*)$`).FindAllStringSubmatch(string(out), -1)
	require.Len(t, failures, 2, "%s", out)
	for _, failure := range failures {
		var line int
		_, err := fmt.Sscan(failure[1], &line)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(source[line-1], "// this line"), failure[0])
	}
	assert.Equal(t, 1, strings.Count(string(out), "goes on"))
	for _, name := range []string{"TestFailing", "TestFailing/assert", "TestFailing/require", "TestFailing/other"} {
		assert.Regexp(t, `(?m)^ *--- FAIL: `+name+` `, string(out))
	}
	// Those of the two assertions and of the other registry; the first registry's has
	// been shown.
	assert.Equal(t, 3, strings.Count(string(out), "  #  at  op "), "%s", out)
}
