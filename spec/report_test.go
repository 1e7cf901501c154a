package spec_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// check checks one statement.
func check(t *testing.T, target spec.Target, id string) spec.Result {
	t.Helper()
	statement, ok := spec.Lookup(id)
	require.True(t, ok, id)
	results, err := spec.Run(t.Context(), target, statement)
	require.NoError(t, err)
	require.Len(t, results, 1)
	return results[0]
}

// breaking serves a registry of which answers are replaced.
func breaking(t *testing.T, replace func(http.ResponseWriter, *http.Request) bool) spec.Target {
	t.Helper()
	reg := registry.New(memstore.New(memstore.Options{}), registry.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !replace(w, r) {
			reg.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return spec.Target{URL: server.URL, Client: server.Client()}
}

func TestFailureExplainsItself(t *testing.T) {
	target := breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
			w.Header().Set("X-Broken", "yes")
			http.Error(w, "it's gone", http.StatusGone)
			return true
		}
		return false
	})
	target.Username, target.Password = user, secret
	r := check(t, target, "blob-get-unknown")
	assert.Equal(t, spec.Failed, r.Outcome)
	assert.Contains(t, r.Detail, "MUST blob-get-unknown\n  If the blob is not found in the … response code MUST be `404 Not Found`.")
	assert.Contains(t, r.Detail, "Pulling blobs, end-2")
	assert.Regexp(t, `GET http://\S+/blobs/sha256:\w+: want status 404 Not Found, got 410`, r.Detail)
	assert.Contains(t, r.Detail, `curl -si -X POST -u "$USERNAME:$PASSWORD" 'http://`)
	assert.Regexp(t, `curl -si -X PUT -u "\$USERNAME:\$PASSWORD" -H 'Content-Type: application/octet-stream' --data-binary '[^']{32}' 'http://`, r.Detail)
	assert.Regexp(t, `(?m)^2\. curl -si -X PUT [^>]* # to the Location of 1$`, r.Detail)
	assert.Regexp(t, `^GET http://\S+/blobs/sha256:\w+: want status 404 Not Found, got 410$`, r.Message)
	assert.Contains(t, r.Detail, "> Content-Type: application/octet-stream")
	assert.Contains(t, r.Detail, "< HTTP/1.1 410 Gone")
	assert.Contains(t, r.Detail, "< X-Broken: yes")
	assert.Contains(t, r.Detail, "it's gone")
	assert.NotContains(t, r.Detail, secret)
	assert.NotContains(t, r.Detail, "DELETE", "cleaning up is not part of it")
}

func TestFailureLeavesOutWhatIsLong(t *testing.T) {
	target := breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			_, _ = w.Write([]byte(`{"tags":[]}`))
			return true
		}
		return false
	})
	r := check(t, target, "pages-complete")
	assert.Equal(t, spec.Failed, r.Outcome)
	assert.Contains(t, r.Detail, "more requests …")
	assert.NotContains(t, r.Detail, "$PASSWORD", "the registry does not ask")

	target = breaking(t, func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:")
	})
	r = check(t, target, "blob-get")
	assert.Equal(t, spec.Failed, r.Outcome)
	assert.Less(t, len(r.Detail), 100_000)
}

func TestNoAnswerIsAFailure(t *testing.T) {
	target := breaking(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	r := check(t, target, "head")
	assert.Equal(t, spec.Failed, r.Outcome)
	assert.Contains(t, r.Detail, "want an answer, got none")
}

func TestWrongPasswordIsAFailure(t *testing.T) {
	for _, token := range []*auth.TokenOptions{nil, {}} {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{user: secret}, Token: token}))
		r := check(t, spec.Target{URL: reg.URL(), Client: reg.Client(), Username: user, Password: "not-this-one"}, "blob-get")
		assert.Equal(t, spec.Failed, r.Outcome)
		assert.Contains(t, r.Detail, "401")
		assert.NotContains(t, r.Detail, "not-this-one")
	}
}

func TestFeaturesAreTold(t *testing.T) {
	target := startFixture(t, "least")
	assert.Equal(t, spec.Unsupported, check(t, target, "referrers").Outcome)
	target.Features = map[spec.Feature]bool{spec.Referrers: true, spec.Ranges: false}
	assert.Equal(t, spec.Failed, check(t, target, "referrers").Outcome, "it is said to have them")
	assert.Equal(t, "unsupported: ranges", check(t, target, "range-open").Short(), "it is said not to have them")
}

func TestVersionChooses(t *testing.T) {
	target := startFixture(t, "plain")
	for version, want := range map[spec.Version]spec.Outcome{
		"": spec.Passed, spec.V10: spec.NotApplicable, spec.V11: spec.Passed, spec.Draft: spec.Passed,
	} {
		target.Version = version
		assert.Equal(t, want, check(t, target, "referrers").Outcome, "version %q", version)
		assert.Equal(t, spec.Passed, check(t, target, "upload-again").Outcome, "ours are of every version")
	}
}

func TestTargetMustMakeSense(t *testing.T) {
	for want, target := range map[string]spec.Target{
		"want a URL such as http://127.0.0.1:5000": {URL: "127.0.0.1:5000"},
		`version "2"`:                  {URL: "http://a.test", Version: "2"},
		`there is no feature "flying"`: {URL: "http://a.test", Features: map[spec.Feature]bool{"flying": true}},
		"want a URL such as":           {},
		"want one without credentials": {URL: "http://user:secret@a.test"},
		`repository "Upper"`:           {URL: "http://a.test", Repository: "Upper"},
		`repository "a/"`:              {URL: "http://a.test", Repository: "a/"},
	} {
		_, err := spec.Run(t.Context(), target)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := breaking(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			cancel()
		}
		return false
	})
	results, err := spec.Run(ctx, target)
	require.ErrorIs(t, err, context.Canceled)
	require.NotEmpty(t, results)
	for _, r := range results {
		assert.NotEqual(t, spec.Failed, r.Outcome, "the one that was interrupted is no failure: %s", r.Detail)
	}
}
