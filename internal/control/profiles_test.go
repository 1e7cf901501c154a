package control_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
)

// used is the profile in use.
type used struct {
	Name, Title, Auth, Warning string
	Hosts                      []string
	Facts                      []struct {
		Trait, About, Section, Strict, Value, Off, Seen, Source, Grade, Date string
	}
}

func (u used) value(trait string) string {
	for _, f := range u.Facts {
		if f.Trait == trait {
			return f.Value
		}
	}
	return ""
}

func TestProfile(t *testing.T) {
	f := start(t, setup{})
	before := get[used](t, f, "profile")
	assert.Equal(t, used{Name: "strict", Title: "Strict registry", Auth: "none", Hosts: []string{}, Facts: before.Facts}, before)
	assert.Empty(t, before.Facts)

	ecr := decode[used](t, f.v1(t, 200, "POST", "profiles/aws", "").body)
	assert.Equal(t, ecr, get[used](t, f, "profile"))
	assert.Equal(t, "ecr", ecr.Name)
	assert.Equal(t, "basic", ecr.Auth)
	assert.Equal(t, "referenced", ecr.value("blob.mount"))
	assert.Equal(t, "ecr", get[struct {
		Profile                             string
		Version, URL, Host, StartedAt, Auth string
		FaultNames                          bool
		Counts                              map[string]int
	}](t, f, "info").Profile)

	mine := decode[used](t, f.v1(t, 200, "PUT", "profile", "name: mine\ntitle: Mine\nextends: ecr\nfacts: [{trait: blob.mount, value: any, seen: x, source: me, grade: D}]").body)
	assert.Equal(t, "Mine", mine.Title)
	assert.Equal(t, "any", mine.value("blob.mount"))
	assert.Len(t, mine.Facts, len(ecr.Facts))
	wrong := decode[refusal](t, f.v1(t, 400, "PUT", "profile", "name: mine\nfacts: [{trait: blob.mount, value: often}]").body)
	assert.Contains(t, wrong.Error.Message, `"often" is not a value`)
	assert.Contains(t, f.v1(t, 404, "POST", "profiles/erc", "").body, "ecr")
	assert.Equal(t, mine, get[used](t, f, "profile"), "an error changes nothing")
	f.v1(t, 204, "POST", "reset?what=profile", "")
	assert.Equal(t, before, get[used](t, f, "profile"))
}

// TestProfileKeeps: content and upload sessions stay, tokens do not.
func TestProfileKeeps(t *testing.T) {
	f := start(t, setup{auth: &auth.Options{Token: &auth.TokenOptions{}, Rules: []auth.Rule{{}}}})
	f.push(t, "app:v1 layers=1 size=1KiB")
	token := func() string {
		a := f.ask(t, "GET", "/v2/token?service=ocifake&scope=repository:app:pull,push", "")
		require.Equal(t, http.StatusOK, a.StatusCode, a.body)
		_, rest, _ := strings.Cut(a.body, `"token":"`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	old := token()
	bearer := header("Authorization", "Bearer "+old)
	upload := f.ask(t, "POST", "/v2/app/blobs/uploads/", "", bearer)
	require.Equal(t, http.StatusAccepted, upload.StatusCode)

	f.v1(t, 200, "POST", "profiles/distribution3", "")
	assert.Equal(t, http.StatusOK, f.ask(t, "GET", "/v2/app/manifests/v1", "", header("Accept", "application/vnd.oci.image.manifest.v1+json")).StatusCode, "it has no authentication")
	location := upload.Header.Get("Location")
	chunk := f.ask(t, "PATCH", location, "hello", header("Content-Type", "application/octet-stream"))
	require.Equal(t, http.StatusAccepted, chunk.StatusCode, chunk.body)

	f.v1(t, 200, "POST", "profiles/strict", "")
	refused := f.ask(t, "GET", "/v2/app/manifests/v1", "", bearer)
	assert.Equal(t, http.StatusUnauthorized, refused.StatusCode)
	assert.Contains(t, refused.Header.Get("Www-Authenticate"), "invalid_token")
	bearer = header("Authorization", "Bearer "+token())
	assert.Equal(t, http.StatusOK, f.ask(t, "GET", "/v2/app/manifests/v1", "", bearer).StatusCode)
	location = strings.TrimPrefix(chunk.Header.Get("Location"), f.URL())
	commit := f.ask(t, "PUT", location+"&digest="+string(digest.FromString("hello")), "", bearer)
	assert.Equal(t, http.StatusCreated, commit.StatusCode, commit.body)
}

// TestProfileLimits: a reset begins the limits of a profile again.
func TestProfileLimits(t *testing.T) {
	f := start(t, setup{})
	f.v1(t, 200, "PUT", "profile", "name: slow\nfacts: [{trait: limit.rate, value: 1 an hour, rules: [{do: [{rate-limit: {requests: 1, window: 1h}}]}], seen: x, source: me, grade: D}]")
	for _, want := range []int{404, 429, 429} {
		assert.Equal(t, want, f.ask(t, "GET", "/v2/app/tags/list", "").StatusCode)
	}
	assert.Equal(t, []string{"limit.rate"}, f.recorder.Log(record.Status("429"))[0].Traits)
	f.v1(t, 204, "DELETE", "faults", "")
	assert.Equal(t, 429, f.ask(t, "GET", "/v2/app/tags/list", "").StatusCode, "the rules of a profile are not those of the user")
	f.v1(t, 204, "POST", "reset?what=profile", "")
	assert.Equal(t, 404, f.ask(t, "GET", "/v2/app/tags/list", "").StatusCode)
	assert.Equal(t, "strict", get[used](t, f, "profile").Name)
}

// TestProfileRefused: what the registry cannot do is listed, and nothing changes.
func TestProfileRefused(t *testing.T) {
	f := start(t, setup{auth: &auth.Options{Users: map[string]string{"a": "b"}}})
	const quirk = "name: tokens\nfacts: [{trait: blob.get, value: 200, rules: [{do: [revoke-tokens]}], seen: x, source: me, grade: D}]"
	a := decode[refusal](t, f.v1(t, 409, "PUT", "profile", quirk).body)
	assert.Contains(t, a.Error.Message, `profile tokens: faults: rule "blob.get": revoke-tokens is about tokens`)
	f.v1(t, 201, "POST", "faults", "{name: mine, do: [revoke-tokens]}")
	a = decode[refusal](t, f.v1(t, 409, "POST", "profiles/zot", "").body)
	assert.Contains(t, a.Error.Message, `profile zot: faults: rule "mine": revoke-tokens is about tokens`)
	assert.Equal(t, "strict", get[used](t, f, "profile").Name)
	assert.Equal(t, http.StatusUnauthorized, f.ask(t, "GET", "/v2/app/manifests/v1", "").StatusCode)
}

// TestProfileRedirects: the second origin starts when it is needed.
func TestProfileRedirects(t *testing.T) {
	for _, o := range []setup{{}, {network: new(server.Network)}} {
		f := start(t, o)
		f.push(t, "app:v1 layers=1 size=1KiB")
		blob := get[struct {
			Blobs []struct {
				Digest string
				Size   int
			}
		}](t, f, "blobs?repo=app").Blobs[0]
		f.v1(t, 200, "PUT", "profile", "name: cdn\nfacts: [{trait: blob.redirect, value: 307, seen: x, source: me, grade: D}]")
		a := f.ask(t, "GET", "/v2/app/blobs/"+blob.Digest, "")
		require.Equal(t, http.StatusTemporaryRedirect, a.StatusCode)
		response, err := (&http.Client{Transport: f.Transport()}).Get(a.Header.Get("Location"))
		require.NoError(t, err)
		defer response.Body.Close()
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Equal(t, int64(blob.Size), response.ContentLength)
	}
}

// TestProfileWhileServed changes the profile while clients ask, for the race detector. Each answer
// is wholly that of one profile.
func TestProfileWhileServed(t *testing.T) {
	f := start(t, setup{network: new(server.Network)})
	f.push(t, "app:v1 layers=1 size=1KiB")
	profile := func(name string) string {
		return "name: " + name + "\nfacts:\n" +
			"- {trait: answer.header, value: x, answer: {header: {X-Dialect: [" + name + "]}}, seen: x, source: me, grade: D}\n" +
			"- {trait: auth.scheme, value: basic, seen: x, source: me, grade: D}\n" +
			"- {trait: auth.realm, value: " + name + ", seen: x, source: me, grade: D}\n" +
			"- {trait: limit.rate, value: x, rules: [{continue: true, beforeAuth: true, do: [{add-header: {name: X-Rule, values: [" + name + "]}}]}], seen: x, source: me, grade: D}\n"
	}
	f.v1(t, 200, "PUT", "profile", profile("a"))
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				for _, target := range []string{"/v2/app/manifests/v1", "/v2/"} {
					a, err := f.try(context.Background(), "GET", target, nil, header("Authorization", "Basic eDp5"))
					if !assert.NoError(t, err) {
						return
					}
					name := a.Header.Get("X-Rule")
					assert.Contains(t, []string{"a", "b"}, name)
					if a.StatusCode == http.StatusUnauthorized {
						assert.Equal(t, `Basic realm="`+name+`"`, a.Header.Get("Www-Authenticate"))
					} else {
						assert.Equal(t, name, a.Header.Get("X-Dialect"))
					}
				}
			}
		})
	}
	for i := range 20 {
		f.v1(t, 200, "PUT", "profile", profile([]string{"b", "a"}[i%2]))
		require.NoError(t, f.recorder.Wait(t.Context(), func(log record.Log) bool { return len(log) > 8*i }))
	}
	cancel()
	clients.Wait()
}
