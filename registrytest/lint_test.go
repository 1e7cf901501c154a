package registrytest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/registrytest"
)

// politely sends a request of a client that does nothing wrong but what the header says.
func politely(t testing.TB, reg *registrytest.Registry, path, name, value string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, reg.URL()+path, nil)
	if err == nil {
		r.Header.Set("User-Agent", "mytool/1")
		r.Header.Set(name, value)
		var answer *http.Response
		if answer, err = reg.Client().Do(r); err == nil {
			err = answer.Body.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

const (
	noManifest = "/v2/app/manifests/v1"
	noBlob     = "/v2/app/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func TestLint(t *testing.T) {
	reg := registrytest.New(t)
	politely(t, reg, noManifest, "Accept", "*/*")
	fake := runTest(func(t testing.TB) { reg.Lint(t) })
	assert.Empty(t, fake.failures, "what is only recommended fails no test")
	assert.Contains(t, strings.Join(fake.logs, "\n"), "should accept-missing")

	politely(t, reg, noBlob, "Range", "bytes=0-1,3-4")
	fake = runTest(func(t testing.TB) { assert.Len(t, reg.Lint(t).Findings, 2) })
	require.Len(t, fake.failures, 1)
	assert.Contains(t, fake.failures[0], "portability range-multiple")
	assert.Contains(t, fake.failures[0], "> 2 ", "the journal marks the request")

	fake = runTest(func(t testing.TB) {
		report := reg.Lint(t, lint.Ignore("range-multiple", "mytool#1"), lint.Ignore("accept-missing", "mytool#2"))
		assert.Equal(t, 2, report.Ignored)
	})
	assert.Empty(t, fake.failures)
	for _, wrong := range []lint.Ignored{lint.Ignore("range-multi", "x"), lint.Ignore("range-multiple", "")} {
		assert.Len(t, runTest(func(t testing.TB) { reg.Lint(t, wrong) }).failures, 1)
		_, err := registrytest.Start(registrytest.WithLint(wrong))
		assert.Error(t, err)
	}
}

// TestWithLint judges at the end of a test, and without one when the registry is closed.
func TestWithLint(t *testing.T) {
	test := func(opts ...registrytest.Option) *fakeTest {
		return runTest(func(t testing.TB) {
			politely(t, registrytest.New(t, opts...), noBlob, "Range", "bytes=0-1,3-4")
		})
	}
	require.Len(t, test(registrytest.WithLint()).failures, 1)
	assert.Empty(t, test().failures)
	assert.Empty(t, test(registrytest.WithLint(lint.Ignore("range-multiple", "mytool#1"))).failures)

	reg, err := registrytest.Start(registrytest.WithLint())
	require.NoError(t, err)
	politely(t, reg, noBlob, "Range", "bytes=0-1,3-4")
	assert.ErrorContains(t, reg.Close(), "range-multiple")
}

// TestLintNetwork judges what a client does with the credentials of one host at another.
func TestLintNetwork(t *testing.T) {
	n := registrytest.NewNetwork()
	reg := registrytest.New(t, registrytest.WithNetwork(n, "hub.example"))
	r, err := http.NewRequest(http.MethodGet, reg.URL()+"/v2/", nil)
	require.NoError(t, err)
	r.Header.Set("User-Agent", "mytool/1")
	r.SetBasicAuth("user", "password")
	answer, err := reg.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	fake := runTest(func(t testing.TB) { n.Lint(t) })
	require.Len(t, fake.failures, 1)
	assert.Contains(t, fake.failures[0], "credentials-unencrypted")
}
