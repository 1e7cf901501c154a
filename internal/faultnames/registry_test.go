package faultnames_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// faultName is one whose faults do nothing to what is asked here.
const faultName = "fault/status-503/on-blob.delete/app"

// ask sends a request to a registry, and returns the answer and its body.
func ask(t testing.TB, client *http.Client, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(got)
}

// requireUnder checks that a URL which was sent to a client stays under the name
// with faults, and returns it.
func requireUnder(t testing.TB, base, location string) string {
	t.Helper()
	require.Contains(t, location, "/v2/"+faultName+"/")
	u, err := url.Parse(base)
	require.NoError(t, err)
	u, err = u.Parse(location)
	require.NoError(t, err)
	return u.String()
}

// TestURLs pushes and lists under a name with faults, by the URLs that the registry
// answers with, which are paths or absolute, and in another mux.
func TestURLs(t *testing.T) {
	for name, absolute := range map[string]bool{"paths": false, "absolute": true} {
		for _, prefix := range []string{"", "/some/prefix"} {
			t.Run(name+prefix, func(t *testing.T) {
				reg := registrytest.New(t, registrytest.WithFaultNames(), registrytest.WithOptions(registry.Options{AbsoluteURLs: absolute}))
				server := httptest.NewServer(http.StripPrefix(prefix, reg.Handler()))
				defer server.Close()
				under := server.URL + prefix
				pushUnder(t, reg, server.Client(), under)
				for _, x := range reg.Requests() {
					if x.Alias != "" {
						assert.Equal(t, [3]string{"app", faultName, prefix}, [3]string{x.Repo, x.Alias, x.Prefix}, x.Target)
						assert.Contains(t, x.Target, faultName)
					}
				}
				assert.NotEmpty(t, reg.Requests(record.Alias(faultName)))
				repositories := slices.Collect(keysOf(reg.Store().Repositories(t.Context(), "")))
				assert.Equal(t, []string{"app", "other"}, repositories, "nothing is kept under the name with faults")
			})
		}
	}
}

func keysOf[K, V any](seq func(func(K, V) bool)) func(func(K) bool) {
	return func(yield func(K) bool) {
		seq(func(k K, _ V) bool { return yield(k) })
	}
}

func pushUnder(t *testing.T, reg *registrytest.Registry, client *http.Client, under string) {
	t.Helper()
	api := under + "/v2/" + faultName
	blob := "content"
	d := digest.FromString(blob)

	// A blob in a chunk and a commit, and what the session says in between.
	response, _ := ask(t, client, "POST", api+"/blobs/uploads/", "")
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	response, _ = ask(t, client, "PATCH", requireUnder(t, under, response.Header.Get("Location")), blob)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	response, _ = ask(t, client, "GET", requireUnder(t, under, response.Header.Get("Location")), "")
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	location := requireUnder(t, under, response.Header.Get("Location"))
	response, _ = ask(t, client, "PUT", location+"&digest="+d.String(), "")
	require.Equal(t, http.StatusCreated, response.StatusCode)
	response, got := ask(t, client, "GET", requireUnder(t, under, response.Header.Get("Location")), "")
	require.Equal(t, []any{http.StatusOK, blob}, []any{response.StatusCode, got})

	// The session is not another repository's.
	response, _ = ask(t, client, "POST", api+"/blobs/uploads/", "")
	real := strings.Replace(requireUnder(t, under, response.Header.Get("Location")), faultName, "app", 1)
	response, _ = ask(t, client, "DELETE", real, "")
	require.Equal(t, http.StatusNoContent, response.StatusCode, "under its own name the repository has it too")

	// A mount to it, and one from it.
	other := "other content"
	reg.PushBlob(t, "other", bytes.NewReader([]byte(other)))
	response, _ = ask(t, client, "POST", api+"/blobs/uploads/?mount="+digest.FromString(other).String()+"&from=other", "")
	require.Equal(t, http.StatusCreated, response.StatusCode)
	requireUnder(t, under, response.Header.Get("Location"))
	response, _ = ask(t, client, "POST", under+"/v2/other/blobs/uploads/?mount="+d.String()+"&from="+url.QueryEscape(faultName), "")
	require.Equal(t, http.StatusCreated, response.StatusCode)
	assert.Contains(t, response.Header.Get("Location"), "/v2/other/blobs/")

	// Manifests, in two pages of tags and of referrers.
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest := `{"schemaVersion":2,"mediaType":"` + manifestType + `","config":{"mediaType":"text/plain","digest":"` + d.String() + `","size":7},"layers":[]}`
	for _, tag := range []string{"v1", "v2"} {
		response, _ = ask(t, client, "PUT", api+"/manifests/"+tag, manifest, "Content-Type", manifestType)
		require.Equal(t, http.StatusCreated, response.StatusCode)
		requireUnder(t, under, response.Header.Get("Location"))
	}
	response, got = ask(t, client, "GET", api+"/tags/list?n=1", "")
	require.JSONEq(t, `{"name":"`+faultName+`","tags":["v1"]}`, got)
	link, _, _ := strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
	_, got = ask(t, client, "GET", requireUnder(t, under, link), "")
	require.JSONEq(t, `{"name":"`+faultName+`","tags":["v2"]}`, got)
	_, got = ask(t, client, "GET", under+"/v2/app/tags/list", "")
	require.JSONEq(t, `{"name":"app","tags":["v1","v2"]}`, got)

	subject := digest.FromString(manifest)
	for _, artifact := range []string{"a/a", "a/b"} {
		referrer := `{"schemaVersion":2,"mediaType":"` + manifestType + `","artifactType":"` + artifact + `","config":{"mediaType":"text/plain","digest":"` + d.String() +
			`","size":7},"layers":[],"subject":{"mediaType":"` + manifestType + `","digest":"` + subject.String() + `","size":` + strconv.Itoa(len(manifest)) + `}}`
		response, _ = ask(t, client, "PUT", api+"/manifests/"+digest.FromString(referrer).String(), referrer, "Content-Type", manifestType)
		require.Equal(t, http.StatusCreated, response.StatusCode)
	}
	response, _ = ask(t, client, "GET", api+"/referrers/"+subject.String()+"?n=1", "")
	link, _, _ = strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
	response, got = ask(t, client, "GET", requireUnder(t, under, link), "")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, got, `"artifactType":"a/`)
}

// TestTokens: clients ask for tokens for the names that they know, with GET and
// with POST, and get them for the repository, if they may. What is on record is what
// they have sent.
func TestTokens(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithFaultNames(), registrytest.WithRecording(registrytest.Recording{KeepSecrets: true}),
		registrytest.WithAuth(auth.Options{
			Users: map[string]string{"ann": "hush"},
			Rules: []auth.Rule{{Users: []string{"ann"}, Repos: []string{"app", "fault/*"}, Actions: []registry.Action{registry.Pull}}},
			Token: &auth.TokenOptions{},
		}))
	const tokens = "/v2/token"
	scopes := func(asked string) string {
		r, err := http.NewRequest(http.MethodGet, reg.URL()+tokens+"?"+url.Values{"scope": strings.Split(asked, "|"), "service": {reg.AuthService().ServiceName()}}.Encode(), nil)
		require.NoError(t, err)
		r.SetBasicAuth("ann", "hush")
		return tokenScope(t, reg, r)
	}
	posted := func(asked string) string {
		form := url.Values{"grant_type": {"password"}, "client_id": {"x"}, "username": {"ann"}, "password": {"hush"}, "service": {reg.AuthService().ServiceName()}, "scope": {asked}}
		r, err := http.NewRequest(http.MethodPost, reg.URL()+tokens, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got := tokenScope(t, reg, r)
		x := reg.Requests(record.Op(op.Token))
		assert.Equal(t, form.Encode(), string(x[len(x)-1].RequestBody), "as it was sent")
		return got
	}
	for asked, want := range map[string]string{
		"repository:app:pull":                                                         "repository:app:pull",
		"repository:" + faultName + ":pull,push":                                      "repository:app:pull",
		"repository:" + faultName + ":pull repository:other:pull":                     "repository:app:pull",
		"repository:fault/status-503/secret:pull":                                     "", // who may pull from fault/* may not from there
		"repository:fault/none/app:pull":                                              "repository:fault/none/app:pull",
		"registry:catalog:*":                                                          "",
		"repository(plugin):" + faultName + ":pull repository:" + faultName + ":pull": "repository:app:pull",
	} {
		assert.Equal(t, want, scopes(asked), asked)
		assert.Equal(t, want, posted(asked), asked)
	}
	assert.Equal(t, "repository:app:pull", scopes("repository:other:pull|repository:"+faultName+":pull"))
	for _, body := range []string{"", "%", "scope=" + strings.Repeat("x", 70<<10), "scope=x;y"} {
		r, err := http.NewRequest(http.MethodPost, reg.URL()+tokens, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := reg.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	}
	assert.Empty(t, reg.Faults().Rules(), "who asks for a token has not used the name")
}

// tokenScope sends a request for a token, and returns what it is for.
func tokenScope(t *testing.T, reg *registrytest.Registry, r *http.Request) string {
	t.Helper()
	response, err := reg.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var body struct{ Scope string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
	return body.Scope
}

// notByName are the known faults that cannot be chosen by name, by what they act on.
var notByName = map[string][]string{
	"on connections": {"tls-handshake-timeout", "black-hole"},
	"on requests for tokens": {
		"token-endpoint-500", "token-endpoint-429", "token-endpoint-html", "token-endpoint-broken-json", "token-endpoint-missing-field",
		"token-endpoint-slow", "token-endpoint-down", "token-post-404", "token-post-405", "token-post-403", "token-denied-ghcr",
		"challenge-missing", "challenge-doubled", "challenge-capitals", "challenge-unknown-scheme", "realm-elsewhere",
	},
	"on requests that have": {"redirect-to-website", "link-wrong-path"}, // what they do to paths that are none of the API's
}

// TestKnownFaults: every known fault says whether it can be chosen by name, and one that
// can is, whatever it needs.
func TestKnownFaults(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithFaultNames(), registrytest.WithAuth(auth.Options{Users: map[string]string{"ann": "hush"}, Token: &auth.TokenOptions{}}))
	refused := map[string][]string{}
	for _, p := range known.All() {
		name := "fault/" + p.Name + "/app"
		require.True(t, op.ValidRepository(name), name)
		response, body := ask(t, reg.Client(), "GET", reg.URL()+"/v2/"+name+"/blobs/uploads/none", "")
		rules := slices.DeleteFunc(reg.Faults().Rules(), func(s faults.State) bool { return !strings.HasPrefix(s.Rule.Name, "fault/"+p.Name+"/app") })
		if err := faultnames.Check(p); err != nil {
			for on := range notByName {
				if strings.Contains(err.Error(), on) {
					refused[on] = append(refused[on], p.Name)
				}
			}
			assert.Equal(t, http.StatusNotFound, response.StatusCode, p.Name)
			assert.Contains(t, body, err.Error())
			assert.Empty(t, rules)
			continue
		}
		assert.NotContains(t, body, "NAME_UNKNOWN", p.Name)
		require.Len(t, rules, len(p.Rules()), p.Name)
		for _, s := range rules {
			assert.Contains(t, s.Rule.String(), "alias="+name)
			assert.True(t, s.Rule.Flags.Optional)
			text, err := json.Marshal(s.Rule)
			require.NoError(t, err)
			_, err = conf.Rules(text)
			require.NoError(t, err)
		}
	}
	assert.Equal(t, notByName, refused)
}

// TestSecondOrigin: what is done to requests to the second origin is done to
// those under the name, too.
func TestSecondOrigin(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithFaultNames())
	blob := reg.PushBlob(t, "app", strings.NewReader("content")).Digest.String()
	get := func(name string) (int, string) {
		response, body := ask(t, reg.Client(), "GET", reg.URL()+"/v2/"+name+"/blobs/"+blob, "")
		return response.StatusCode, body
	}
	status, _ := get("fault/redirect-challenged/app")
	assert.Equal(t, http.StatusUnauthorized, status)
	for _, name := range []string{"fault/redirect-challenged/app", "fault/redirect-307/app", "app"} {
		status, body := get(name)
		assert.Equal(t, []any{http.StatusOK, "content"}, []any{status, body}, name)
	}
	external := reg.Requests(record.Op(op.External))
	require.Len(t, external, 3)
	for i, want := range []string{"fault/redirect-challenged/app", "fault/redirect-challenged/app", "fault/redirect-307/app"} {
		assert.Equal(t, [2]string{want, "app"}, [2]string{external[i].Alias, external[i].Repo})
	}
	assert.Equal(t, []string{"fault/redirect-challenged/app#2"}, external[0].Faults)
}

// TestIsOff: without it, such names are names as others.
func TestIsOff(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	reg.PushBlob(t, "fault/status-503/app", strings.NewReader("content"))
	response, body := ask(t, reg.Client(), "GET", reg.URL()+"/v2/fault/status-503/app/tags/list", "")
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.JSONEq(t, `{"name":"fault/status-503/app","tags":[]}`, body)
	assert.Empty(t, reg.Faults().Rules())
}

// TestRefusalsAreOnRecord, under the name that was asked for.
func TestRefusalsAreOnRecord(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithFaultNames(), registrytest.WithAuth(auth.Options{Users: map[string]string{"ann": "hush"}}))
	ask(t, reg.Client(), "GET", reg.URL()+"/v2/fault/x/app/tags/list", "")
	x := reg.Requests()[0]
	assert.Equal(t, []any{http.StatusNotFound, []string{"NAME_UNKNOWN"}, "fault/x/app", ""}, []any{x.Status, x.Codes, x.Repo, x.Alias})
}

// TestChallenge: a client is told to ask for the name that it knows.
func TestChallenge(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithFaultNames(), registrytest.WithAuth(auth.Options{Users: map[string]string{"ann": "hush"}, Token: &auth.TokenOptions{}}))
	for _, name := range []string{"app", faultName, "fault/token-rejected-fresh/app"} {
		response, _ := ask(t, reg.Client(), "GET", reg.URL()+"/v2/"+name+"/manifests/v1", "")
		assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
		assert.Contains(t, response.Header.Get("WWW-Authenticate"), `scope="repository:`+name+`:pull"`)
	}
}
