package spec

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registrytest"
)

func TestRepositoryOfRequest(t *testing.T) {
	for path, want := range map[string]string{
		"/v2/":                                "",
		"/v2/a/b/tags/list":                   "a/b",
		"/v2/a/blobs/uploads/":                "a",
		"/v2/a/blobs/uploads/id":              "a",
		"/v2/a/blobs/blobs/sha256:0":          "a/blobs",
		"/v2/a/manifests/manifests/v1":        "a/manifests",
		"/some/prefix/v2/a/referrers/sha256:": "a",
	} {
		assert.Equal(t, want, repository(&http.Request{URL: &url.URL{Path: path}}), path)
	}
}

// TestTokensOfAllKinds uses token services that differ in what clients stumble over.
func TestTokensOfAllKinds(t *testing.T) {
	for name, options := range map[string]auth.TokenOptions{
		"access_token": {Field: "access_token"},
		"opaque":       {Opaque: true, OmitExpiresIn: true},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"u": "p"}, Token: &options}))
			s, err := Open(t.Context(), Target{URL: reg.URL(), Client: reg.Client(), Username: "u", Password: "p"})
			require.NoError(t, err)
			for _, id := range []string{"manifest-get", "manifest-delete-gone", "mount-unable-upload"} {
				statement, _ := Lookup(id)
				r := s.check(t.Context(), statement)
				assert.Equal(t, Passed, r.Outcome, r.Detail)
			}
		})
	}
}

// TestUnquotedRealm checks that a challenge that does not follow the grammar fails
// one statement and no other.
func TestUnquotedRealm(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"u": "p"}, Token: &auth.TokenOptions{}}))
	client := *reg.Client()
	client.Transport = unquoting{client.Transport}
	s, err := Open(t.Context(), Target{URL: reg.URL(), Client: &client, Username: "u", Password: "p"})
	require.NoError(t, err)
	for id, want := range map[string]Outcome{
		"manifest-get": Passed, "blob-get": Passed, "mount-unable-upload": Passed, "http-401-challenge": Failed,
	} {
		statement, ok := Lookup(id)
		require.True(t, ok, id)
		r := s.check(t.Context(), statement)
		assert.Equal(t, want, r.Outcome, "%s: %s", id, r.Detail)
	}
}

// unquoting takes the quotes off the realms in answers.
type unquoting struct{ http.RoundTripper }

var quotedRealm = regexp.MustCompile(`realm="([^"]*)"`)

func (u unquoting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := u.RoundTripper.RoundTrip(r)
	if err == nil {
		for i, field := range response.Header["Www-Authenticate"] {
			response.Header["Www-Authenticate"][i] = quotedRealm.ReplaceAllString(field, "realm=$1")
		}
	}
	return response, err
}

// TestCredentialsStay checks that another host gets no credentials.
func TestCredentialsStay(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(other.Close)
	reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"u": "p"}}))
	s, err := Open(t.Context(), Target{URL: reg.URL(), Client: reg.Client(), Username: "u", Password: "p"})
	require.NoError(t, err)
	worker := newTester(t.Context(), s)
	end := worker.run(func(t *tester) {
		t.get("/v2/").wants(http.StatusOK)
		t.do(http.MethodPut, other.URL, []byte("body")).wants(http.StatusOK)
	})
	assert.Equal(t, Passed, end.outcome, end.detail)
	require.NotNil(t, got)
	assert.Empty(t, got["Authorization"])
}

func TestLinks(t *testing.T) {
	request := httptest.NewRequest(http.MethodGet, "http://registry.test/prefix/v2/a/tags/list?n=1", nil)
	for link, want := range map[string]string{
		`</v2/a/tags/list?n=1&last=a>; rel="next"`:                     "http://registry.test/v2/a/tags/list?n=1&last=a",
		`<?n=1&last=a>;rel=next`:                                       "http://registry.test/prefix/v2/a/tags/list?n=1&last=a",
		`<http://other.test/x> ; title="a, b" ; rel="prev next"`:       "http://other.test/x",
		`/v2/a/tags/list?n=1&last=a; rel="next"`:                       "",
		`</v2/a/tags/list?n=1&last=a>`:                                 "",
		`</v2/a/tags/list?n=1&last=a>; rel="prev"`:                     "",
		`<http://registry.test/prefix/v2/a/tags/list?n=1>; rel="next"`: "",
	} {
		worker := newTester(t.Context(), &Suite{})
		var got string
		worker.run(func(t *tester) {
			got = t.next(&answer{t: t, request: request, header: http.Header{"Link": {link}}, sent: &exchange{}})
		})
		assert.Equal(t, want, got, link)
	}
}
