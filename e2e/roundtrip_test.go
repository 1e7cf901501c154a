package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	orasgo "oras.land/oras-go/v2"
	orascontent "oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/profiles/probe"
	"github.com/ocifake/ocifake/registrytest"
)

// odd is a registry that is like no other.
var odd = map[string]string{
	"auth.scheme":                 "bearer",
	"auth.path":                   "/odd/tokens",
	"auth.service":                "odd",
	"auth.ttl":                    "17m",
	"auth.token-field":            "access_token",
	"auth.expires-in":             "no",
	"answer.type":                 "application/json; charset=utf-8",
	"answer.shape":                "no-detail",
	"ping.body":                   "none",
	"catalog.list":                "404 ODD",
	"blob.missing":                "404 ODD",
	"blob.range":                  "ignored",
	"blob.mount":                  "never",
	"blob.location":               "absolute",
	"upload.location":             "absolute",
	"upload.query":                "odd=true",
	"upload.range-initial":        "none",
	"upload.status":               "405 UNSUPPORTED",
	"upload.single-post":          "202",
	"manifest.missing":            "404 ODD",
	"manifest.missing-repository": "404 ODDER",
	"manifest.get-digest":         "by-digest",
	"manifest.location-reference": "as-pushed",
	"manifest.delete-tag":         "405 UNSUPPORTED",
	"manifest.oci-subject":        "no",
	"referrers.list":              "404 ODD",
	"tags.link":                   "absolute",
	"tags.link-query":             "odd=1",
	"tags.cursor":                 "opaque",
	"tags.type":                   "text/plain; charset=utf-8",
	"tags.missing-repository":     "400 ODD",
}

// TestRoundTrip probes an odd registry and serves the profile. A client that has no part in the
// measurement gets the same answers from both.
func TestRoundTrip(t *testing.T) {
	original := &profiles.Profile{Name: "odd", Title: "Odd"}
	for _, trait := range profiles.Traits() {
		if value, ok := odd[trait.Name]; ok {
			original.Facts = append(original.Facts, profiles.Fact{Trait: trait.Name, Value: profiles.Value(value)})
		}
	}
	require.Len(t, original.Facts, len(odd))
	reg := registrytest.New(t, registrytest.WithCustomProfile(original), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
	login := reg.Login(t, "probe")
	client := reg.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	facts, _, err := probe.Run(t.Context(), probe.Target{URL: reg.URL(), Client: client, Username: login.Username, Password: login.Password})
	require.NoError(t, err)

	for _, f := range facts {
		if value, ok := odd[f.Trait]; ok {
			assert.Equal(t, value, string(f.Value), f.Trait)
		}
	}

	want := orasExchanges(t, original)
	assert.Greater(t, len(want), 30)
	assert.Equal(t, want, orasExchanges(t, &profiles.Profile{Name: "probed", Title: "Probed", Facts: facts}))
	bearer := []profiles.Fact{{Trait: "auth.scheme", Value: "bearer"}}
	assert.NotEqual(t, want, orasExchanges(t, &profiles.Profile{Name: "bearer", Title: "Bearer", Facts: bearer}))
}

// oddZot is a configuration of zot that changes what its clients see: everyone may read, users may do
// everything, and Docker's manifests are accepted.
var oddZot = zot.Options{
	TLS: true, Users: map[string]string{"ci": "secret"},
	HTTP: map[string]any{
		"realm": "odd", "compat": []string{"docker2s2"},
		"accessControl": map[string]any{"repositories": map[string]any{"**": map[string]any{
			"anonymousPolicy": []string{"read"}, "defaultPolicy": []string{"read", "create", "update", "delete"},
		}}},
	},
	Storage: map[string]any{"gc": false, "dedupe": false},
}

// TestRoundTripZot probes a zot with an odd configuration and serves the profile. A client that has no
// part in the measurement gets the same answers from both.
func TestRoundTripZot(t *testing.T) {
	real := zot.Start(t, oddZot)
	client := *real.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	facts, _, err := probe.Run(t.Context(), probe.Target{URL: real.URL, Client: &client, Username: "ci", Password: "secret"})
	require.NoError(t, err)
	values := map[string]string{}
	for _, f := range facts {
		values[f.Trait] = string(f.Value)
	}
	for trait, want := range map[string]string{
		"auth.scheme": "basic", "auth.anonymous": "open", "auth.realm": "odd", "manifest.docker": "yes", "blob.scope": "repository", "blob.mount": "never",
	} {
		assert.Equal(t, want, values[trait], trait)
	}

	probed := registrytest.New(t, registrytest.WithCustomProfile(&profiles.Profile{Name: "probed", Title: "Probed", Facts: facts}),
		registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
	user := probed.Login(t, "ci")
	mirror := fidelity.NewMirror(fidelity.Target{URL: real.URL, Transport: real.Client.Transport}, fidelity.Unordered(false),
		fidelity.Target{URL: probed.URL(), Transport: asUser{probed.Transport(), user.Username, user.Password}})
	server := httptest.NewServer(mirror)
	defer server.Close()
	use(t, server.Listener.Addr().String(), server.Client().Transport, auth.Credential{Username: "ci", Password: "secret"})
	exchanges := mirror.Exchanges()
	assert.Greater(t, len(exchanges), 30)
	for _, x := range exchanges {
		assert.Empty(t, x.Differences[0], x.Request)
	}
}

// asUser sends requests that have credentials with those of another user.
type asUser struct {
	http.RoundTripper
	name, password string
}

func (u asUser) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, _, ok := r.BasicAuth(); ok {
		r = r.Clone(r.Context())
		r.SetBasicAuth(u.name, u.password)
	}
	return u.RoundTripper.RoundTrip(r)
}

// orasExchanges returns what oras-go and a registry with a profile say to one another.
func orasExchanges(t *testing.T, p *profiles.Profile) []string {
	t.Helper()
	reg := registrytest.New(t, registrytest.WithCustomProfile(p))
	login := reg.Login(t, "ci")
	use(t, reg.Host(), reg.Transport(), auth.Credential{Username: login.Username, Password: login.Password})
	placeholders := strings.NewReplacer(reg.URL(), "<origin>", reg.Host(), "<host>")
	var all []string
	for _, x := range reg.Requests() {
		text, err := json.Marshal(fidelity.FormOf(x, placeholders))
		require.NoError(t, err)
		all = append(all, string(text))
	}
	return all
}

// use pushes, copies, lists, pulls and deletes with oras-go. What fails fails with both registries.
func use(t *testing.T, host string, transport http.RoundTripper, credential auth.Credential) {
	t.Helper()
	ctx := t.Context()
	repository := func(name string) *orasremote.Repository {
		repo, err := orasremote.NewRepository(host + "/" + name)
		require.NoError(t, err)
		repo.PlainHTTP = true
		repo.TagListPageSize = 1
		repo.Client = &auth.Client{
			Client: &http.Client{Transport: transport}, Cache: auth.NewCache(),
			Credential: auth.StaticCredential(host, credential),
		}
		return repo
	}
	source := memory.New()
	pack(t, source, "v1", nil)
	repo, other := repository("app"), repository("other")
	ignore(repo.Resolve(ctx, "v1"))
	ignore(repo.Resolve(ctx, "v1")) // of a repository that does not exist
	options := orasgo.DefaultCopyOptions
	options.Concurrency = 1
	for _, tag := range []string{"v1", "v2"} {
		_, err := orasgo.Copy(ctx, source, "v1", repo, tag, options)
		require.NoError(t, err)
	}
	ignore(orasgo.Copy(ctx, repo, "v1", other, "copy", options))
	subject, err := repo.Resolve(ctx, "v1")
	require.NoError(t, err)
	pack(t, source, "signature", &subject)
	ignore(orasgo.Copy(ctx, source, "signature", repo, "signature", options))
	_ = repo.Tags(ctx, "", func([]string) error { return nil })
	_ = repo.Referrers(ctx, subject, "", func([]ocispec.Descriptor) error { return nil })
	ignore(repo.Resolve(ctx, "absent"))
	absent := orascontent.NewDescriptorFromBytes("application/octet-stream", []byte("absent"))
	ignore(repo.Blobs().Resolve(ctx, string(absent.Digest)))
	fetch(ctx, repo.Blobs(), absent)
	fetch(ctx, repo.Blobs(), orascontent.NewDescriptorFromBytes("application/octet-stream", []byte("layer of v1")))
	fetch(ctx, repo, subject)
	_ = repo.Delete(ctx, subject)
	_ = repo.Blobs().Delete(ctx, absent)
	ignore(repo.Resolve(ctx, string(subject.Digest)))
}

func ignore(ocispec.Descriptor, error) {}

func fetch(ctx context.Context, from orascontent.Fetcher, d ocispec.Descriptor) {
	body, err := from.Fetch(ctx, d)
	if err == nil {
		_, _ = io.Copy(io.Discard, body)
		_ = body.Close()
	}
}

// pack packs an artifact with a layer, which is the same in each run.
func pack(t *testing.T, store *memory.Store, tag string, subject *ocispec.Descriptor) {
	t.Helper()
	text := []byte("layer of " + tag)
	layer := ocispec.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromBytes(text), Size: int64(len(text))}
	require.NoError(t, store.Push(t.Context(), layer, bytes.NewReader(text)))
	d, err := orasgo.PackManifest(t.Context(), store, orasgo.PackManifestVersion1_1, "application/vnd.test", orasgo.PackManifestOptions{
		Layers: []ocispec.Descriptor{layer}, Subject: subject,
		ManifestAnnotations: map[string]string{ocispec.AnnotationCreated: "2026-01-01T00:00:00Z"},
	})
	require.NoError(t, err)
	require.NoError(t, store.Tag(t.Context(), d, tag))
}
