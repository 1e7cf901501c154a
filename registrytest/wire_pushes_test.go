package registrytest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registrytest"
)

func TestWirePushes(t *testing.T) { runWire(t, pushCases) }

var pushCases = []wireCase{
	{name: "refuse-mount", do: []faults.Effect{faults.RefuseMount()}, talk: refuseMount},
	{name: "vanish, a blob", do: []faults.Effect{faults.Vanish()}, talk: vanishBlob},
	{name: "vanish, a manifest", do: []faults.Effect{faults.Vanish()}, talk: vanishManifest},
	{name: "immutable", do: []faults.Effect{faults.Immutable(faults.Status(409))}, talk: immutableTag},
	{name: "digest-tags", do: []faults.Effect{faults.DigestTags()}, talk: digestTags},
	{name: "revoke-tokens", do: []faults.Effect{faults.RevokeTokens()}, talk: revokeTokens},
}

func refuseMount(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.BlobMount).Times(1).Do(faults.RefuseMount()))
	mount := rawAsk{method: "POST", target: "/v2/other/blobs/uploads/?from=app&mount=" + string(w.small.Digest)}
	talk := w.talk(t)
	refused := ask(t, talk, mount)
	require.Equal(t, 202, refused.status)
	assert.Regexp(t, "^/v2/other/blobs/uploads/", refused.fields["Location"][0])
	w.checkRecord(t, refused)
	assert.Equal(t, 204, ask(t, talk, rawAsk{target: refused.fields["Location"][0]}).status, "a session has begun")
	blob := rawAsk{target: "/v2/other/blobs/" + string(w.small.Digest)}
	assert.Equal(t, 404, ask(t, talk, blob).status)
	mounted := ask(t, talk, mount)
	require.Equal(t, 201, mounted.status)
	assert.Equal(t, []string{blob.target}, mounted.fields["Location"])
	requireBytes(t, w.bytes[string(w.small.Digest)], ask(t, talk, blob).body)
}

func digestTags(t *testing.T, w *wire) {
	talk := w.talk(t)
	want := ask(t, talk, inApp("manifests/"+string(w.v2.Digest)))
	byTag := inApp("manifests/" + strings.Replace(string(w.v2.Digest), ":", "-", 1))
	assert.Equal(t, 404, ask(t, talk, byTag).status)
	w.inject(t, faults.On(op.ManifestGet).Times(1).Do(faults.DigestTags()))
	assert.Equal(t, 404, ask(t, talk, inApp("manifests/sha256-"+strings.Repeat("0", 64))).status, "there is no such manifest")
	served := ask(t, talk, byTag)
	requireSame(t, want, served)
	w.checkRecord(t, served)
	assert.Equal(t, 404, ask(t, talk, byTag).status)
}

func vanishBlob(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadCommit).Times(1).Do(faults.Vanish()))
	d := digest.FromBytes(content)
	for _, want := range []int{404, 200} {
		s := w.begin(t)
		pushed := s.commit(t, content, d)
		require.Equal(t, 201, pushed.status)
		assert.Equal(t, []string{string(d)}, pushed.fields["Docker-Content-Digest"])
		assert.Empty(t, pushed.fields["Warning"])
		assert.Equal(t, want, ask(t, s.talk, inApp("blobs/"+string(d))).status)
		w.checkRecord(t, pushed)
	}
}

func vanishManifest(t *testing.T, w *wire) {
	talk := w.talk(t)
	v1 := ask(t, talk, inApp("manifests/v1"))
	require.Equal(t, 202, ask(t, talk, inApp("manifests/"+string(w.v1.Digest)).by(http.MethodDelete)).status)
	w.inject(t, faults.On(op.ManifestPut).Times(1).Do(faults.Vanish()))
	for _, want := range []int{404, 200} {
		pushed := ask(t, talk, putManifest("v3", v1.body))
		require.Equal(t, 201, pushed.status)
		assert.Equal(t, want, ask(t, talk, inApp("manifests/v3")).status)
		assert.Equal(t, want, ask(t, talk, inApp("manifests/"+string(w.v1.Digest))).status)
		w.checkRecord(t, pushed)
	}
}

func immutableTag(t *testing.T, w *wire) {
	talk := w.talk(t)
	v1, v2 := ask(t, talk, inApp("manifests/v1")), ask(t, talk, inApp("manifests/v2"))
	w.inject(t, faults.On(op.ManifestPut).Times(1).Do(faults.Immutable(faults.Status(409).Body("text/plain", "no, {tag}"))))
	assert.Equal(t, 201, ask(t, talk, putManifest("v3", v2.body)).status, "a new tag")
	refused := ask(t, talk, putManifest("v1", v2.body))
	assert.Equal(t, 409, refused.status)
	assert.Equal(t, "no, v1", string(refused.body))
	w.checkRecord(t, refused)
	requireSame(t, v1, ask(t, talk, inApp("manifests/v1")))
	assert.Equal(t, 201, ask(t, talk, putManifest("v1", v2.body)).status)
}

// revokeTokens has a token refused in the middle of a pull, and a new one accepted.
func revokeTokens(t *testing.T, w *wire) {
	w = w.start(t, w.wireForm, registrytest.WithAuth(auth.Options{Users: map[string]string{"ada": "lovelace"}, Token: &auth.TokenOptions{}}))
	w.inject(t, faults.On(op.BlobGet).After(2).Times(1).BeforeAuth().Do(faults.RevokeTokens()))
	talk := w.talk(t)
	q := w.blob(w.small)
	challenged := ask(t, talk, q)
	require.Equal(t, 401, challenged.status)
	require.Len(t, challenged.fields["Www-Authenticate"], 1)
	token := func() string {
		realm := challenged.fields["Www-Authenticate"][0]
		_, service, _ := strings.Cut(realm, `service="`)
		service, _, _ = strings.Cut(service, `"`)
		_, path, _ := strings.Cut(realm, "use-registry-transport.test")
		path, _, _ = strings.Cut(path, `"`)
		got := ask(t, talk, rawAsk{target: path + "?service=" + service + "&scope=repository:app:pull"}.
			with("Authorization: Basic YWRhOmxvdmVsYWNl"))
		require.Equal(t, 200, got.status, string(got.body))
		_, text, _ := strings.Cut(string(got.body), `"token":"`)
		text, _, _ = strings.Cut(text, `"`)
		return text
	}
	bearer := q.with("Authorization: Bearer " + token())
	assert.Equal(t, 200, ask(t, talk, bearer).status)
	refused := ask(t, talk, bearer)
	assert.Equal(t, 401, refused.status)
	assert.Contains(t, refused.fields["Www-Authenticate"][0], `error="invalid_token"`)
	w.checkRecord(t, refused)
	assert.Equal(t, 401, ask(t, talk, bearer).status, "for good")
	assert.Equal(t, 200, ask(t, talk, q.with("Authorization: Bearer "+token())).status)
}

func TestWireLag(t *testing.T) { runWire(t, lagCases) }

var lagCases = []wireCase{
	{name: "hide a blob", do: []faults.Effect{faults.Hide(2, 0)}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.UploadCommit).Times(1).Do(faults.Hide(2, 0)))
		pushed := w.begin(t).commit(t, content, digest.FromBytes(content))
		require.Equal(t, 201, pushed.status)
		w.checkRecord(t, pushed)
		q := inApp("blobs/" + string(digest.FromBytes(content)))
		talk := w.talk(t)
		assert.Equal(t, 404, ask(t, talk, q.by(http.MethodHead)).status)
		assert.Equal(t, 404, ask(t, talk, q).status)
		requireBytes(t, content, ask(t, talk, q).body)
	}},
	{name: "hide a manifest for an hour", only: inMemory, do: []faults.Effect{faults.Hide(0, time.Hour)}, talk: func(t *testing.T, w *wire) {
		talk := w.talk(t)
		manifest := []byte(strings.Replace(string(ask(t, talk, inApp("manifests/v1")).body), "a/v1", "a/v3", 1))
		w.inject(t, faults.On(op.ManifestPut).Times(1).Do(faults.Hide(0, time.Hour)))
		pushed := ask(t, talk, putManifest("v3", manifest))
		require.Equal(t, 201, pushed.status)
		w.checkRecord(t, pushed)
		time.Sleep(time.Hour - time.Nanosecond)
		assert.Equal(t, 404, ask(t, talk, inApp("manifests/v3")).status)
		assert.Equal(t, 404, ask(t, talk, inApp("manifests/"+string(digest.FromBytes(manifest)))).status)
		time.Sleep(time.Nanosecond)
		requireBytes(t, manifest, ask(t, talk, inApp("manifests/v3")).body)
	}},
	{name: "stale-tag", do: []faults.Effect{faults.StaleTag(2, 0)}, talk: func(t *testing.T, w *wire) {
		talk := w.talk(t)
		v1, v2 := ask(t, talk, inApp("manifests/v1")), ask(t, talk, inApp("manifests/v2"))
		w.inject(t, faults.On(op.ManifestPut).Times(2).Do(faults.StaleTag(2, 0)))
		pushed := ask(t, talk, putManifest("v1", v2.body))
		require.Equal(t, 201, pushed.status)
		w.checkRecord(t, pushed)
		for _, want := range []*rawAnswer{v1, v1, v2} {
			requireSame(t, want, ask(t, talk, inApp("manifests/v1")))
		}
		require.Equal(t, 201, ask(t, talk, putManifest("v3", v2.body)).status)
		requireSame(t, v2, ask(t, talk, inApp("manifests/"+string(w.v2.Digest))))
		for _, want := range []int{404, 404, 200} { // there was none before
			assert.Equal(t, want, ask(t, talk, inApp("manifests/v3")).status)
		}
	}},
	{name: "late-delete of a blob", do: []faults.Effect{faults.LateDelete(2, 0)}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.BlobDelete).Times(1).Do(faults.LateDelete(2, 0)))
		require.Equal(t, 201, w.begin(t).commit(t, content, digest.FromBytes(content)).status)
		q, talk := inApp("blobs/"+string(digest.FromBytes(content))), w.talk(t)
		deleted := ask(t, talk, q.by(http.MethodDelete))
		require.Equal(t, 202, deleted.status)
		assert.Equal(t, 200, ask(t, talk, q.by(http.MethodHead)).status)
		requireBytes(t, content, ask(t, talk, q).body)
		assert.Equal(t, 404, ask(t, talk, q).status)
		w.checkRecord(t, deleted)
	}},
	{name: "late-delete of a manifest and its tags", do: []faults.Effect{faults.LateDelete(0, time.Hour)}, only: inMemory, talk: func(t *testing.T, w *wire) {
		talk := w.talk(t)
		w.inject(t, faults.On(op.ManifestDelete).Times(1).Do(faults.LateDelete(0, time.Hour)))
		v2, byDigest := ask(t, talk, inApp("manifests/v2")), inApp("manifests/"+string(w.v2.Digest))
		require.Equal(t, 201, ask(t, talk, putManifest("v10", v2.body)).status)
		before := ask(t, talk, inApp("tags/list")).body
		require.Equal(t, 202, ask(t, talk, byDigest.by(http.MethodDelete)).status)
		time.Sleep(time.Hour - time.Nanosecond)
		requireSame(t, v2, ask(t, talk, byDigest))
		requireSame(t, v2, ask(t, talk, inApp("manifests/v2")))
		assert.Equal(t, before, ask(t, talk, inApp("tags/list")).body)
		assert.JSONEq(t, `{"name":"app","tags":["v10"]}`, string(ask(t, talk, inApp("tags/list?n=1&last=v1")).body))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 404, ask(t, talk, byDigest).status)
		assert.Equal(t, 404, ask(t, talk, inApp("manifests/v2")).status)
		assert.JSONEq(t, `{"name":"app","tags":["v1"]}`, string(ask(t, talk, inApp("tags/list")).body))
	}},
	{name: "late-delete of a tag that is pushed again", do: []faults.Effect{faults.LateDelete(2, 0)}, talk: func(t *testing.T, w *wire) {
		talk := w.talk(t)
		w.inject(t, faults.On(op.TagDelete).Times(1).Do(faults.LateDelete(2, 0)))
		v1, v2 := ask(t, talk, inApp("manifests/v1")), ask(t, talk, inApp("manifests/v2"))
		require.Equal(t, 202, ask(t, talk, inApp("manifests/v2").by(http.MethodDelete)).status)
		requireSame(t, v2, ask(t, talk, inApp("manifests/v2")))
		require.Equal(t, 201, ask(t, talk, putManifest("v2", v1.body)).status)
		requireSame(t, v1, ask(t, talk, inApp("manifests/v2")))
		assert.JSONEq(t, `{"name":"app","tags":["v1","v2"]}`, string(ask(t, talk, inApp("tags/list")).body))
	}},
	{name: "lag-tags", do: []faults.Effect{faults.LagTags(1, 0)}, talk: func(t *testing.T, w *wire) {
		talk := w.talk(t)
		v2 := ask(t, talk, inApp("manifests/v2"))
		w.inject(t, faults.On(op.ManifestPut).Times(1).Do(faults.LagTags(1, 0)))
		pushed := ask(t, talk, putManifest("v1.5", v2.body))
		require.Equal(t, 201, pushed.status)
		w.checkRecord(t, pushed)
		requireSame(t, v2, ask(t, talk, inApp("manifests/v1.5")))
		for _, want := range []string{`{"name":"app","tags":["v1","v2"]}`, `{"name":"app","tags":["v1","v1.5","v2"]}`} {
			assert.JSONEq(t, want, string(ask(t, talk, inApp("tags/list")).body))
		}
	}},
}
