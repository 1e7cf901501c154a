package learn_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/learn"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// exchange is one of a registry at registry.test, with a body of an answer.
func exchange(seq int, method, target string, status int, body string, header ...string) record.Exchange {
	r, _ := http.NewRequest(method, "https://registry.test"+target, nil)
	x := record.Exchange{
		Info: op.Parse(method, r.URL), Host: "registry.test", Target: target, Secure: true, Seq: uint64(seq), Header: http.Header{},
		Status: status, ResponseHeader: http.Header{}, ResponseBody: []byte(body), ResponseBytes: int64(len(body)),
	}
	for i := 0; i+1 < len(header); i += 2 {
		x.ResponseHeader.Add(header[i], header[i+1])
	}
	return x
}

func from(t *testing.T, log ...record.Exchange) learn.Result {
	t.Helper()
	result, err := learn.From("", learn.Recording{Name: "dir/mine.har", Log: log})
	require.NoError(t, err)
	return result
}

func fact(result learn.Result, trait string) profiles.Fact {
	for _, f := range result.Facts {
		if f.Trait == trait {
			return f
		}
	}
	return profiles.Fact{}
}

const digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

func TestValues(t *testing.T) {
	tags := func(query string, header ...string) record.Exchange {
		return exchange(1, "GET", "/v2/app/tags/list"+query, 200, `{"name":"app","tags":["a","b"],"next":""}`, append(header, "Content-Type", "text/plain")...)
	}
	upload := func(seq int, location string) record.Exchange {
		return exchange(seq, "POST", "/v2/app/blobs/uploads/", 202, "", "Location", location)
	}
	put := exchange(1, "PUT", "/v2/app/manifests/v1", 201, "", "Location", "https://registry.test/v2/app/manifests/v1", "Docker-Content-Digest", digest)
	put.RequestBody = []byte(`{"schemaVersion":2,"subject":{}}`)
	garbage := exchange(1, "PUT", "/v2/app/manifests/v1", 422, `{"errors":[{"code":"MANIFEST_INVALID","message":"m"}]}`)
	garbage.RequestBody = []byte("x")
	part := exchange(1, "GET", "/v2/app/blobs/"+digest, 200, "")
	part.Header.Set("Range", "bytes=3-")
	chunk := func(seq int, from string, status int) record.Exchange {
		x := exchange(seq, "PATCH", "/v2/app/blobs/uploads/s1", status, "", "Location", "/v2/app/blobs/uploads/s1", "Range", "0-9")
		x.Header.Set("Content-Range", from)
		return x
	}
	challenge := exchange(1, "GET", "/v2/", 401, `{"errors":[{"code":"UNAUTHORIZED","message":"m"}]}`, "WWW-Authenticate", `Bearer realm="https://auth.test/x/token",service="svc",scope="*"`)
	token := exchange(2, "GET", "/x/token?service=svc", 200, `{"token":"[redacted]","expires_in":7200,"extra":1}`, "Content-Type", "application/json", "Cache-Control", "no-cache")
	token.Host = "auth.test"
	deleted := []record.Exchange{
		exchange(1, "PUT", "/v2/app/manifests/v1", 201, "", "Docker-Content-Digest", digest),
		exchange(2, "DELETE", "/v2/app/manifests/v1", 202, ""),
		exchange(3, "GET", "/v2/app/manifests/"+digest, 404, ""),
	}
	for name, test := range map[string]struct {
		log  []record.Exchange
		want map[string]string
	}{
		"outcome":      {[]record.Exchange{exchange(1, "GET", "/v2/app/manifests/v1", 404, `{"errors":[{"code":"GONE","message":"m"}]}`)}, map[string]string{"manifest.missing": "404 GONE"}},
		"HEAD":         {[]record.Exchange{exchange(1, "HEAD", "/v2/app/blobs/"+digest, 404, ""), exchange(2, "GET", "/v2/app/blobs/"+digest, 404, `{"errors":[{"code":"X","message":"m"}]}`)}, map[string]string{"blob.missing": "404 X"}},
		"tags":         {[]record.Exchange{tags("?n=2", "Link", `<https://registry.test/v2/app/tags/list?n=2&last=b&orderby=>; rel="next"`)}, map[string]string{"tags.link": "absolute", "tags.type": "text/plain", "tags.link-query": "orderby=", "tags.cursor": "tag", "tags.fields": "next", "tags.pages": "yes"}},
		"ignored n":    {[]record.Exchange{tags("?n=1")}, map[string]string{"tags.pages": "no", "tags.link-when": "more"}},
		"always":       {[]record.Exchange{tags("", "Link", `</v2/app/tags/list?last=xyz>; rel="next"`)}, map[string]string{"tags.link-when": "always", "tags.link": "path", "tags.cursor": "opaque"}},
		"upload":       {[]record.Exchange{upload(1, "/v2/app/blobs/uploads/s1?a=b&_state=1"), upload(2, "/v2/app/blobs/uploads/s2?a=b&_state=2")}, map[string]string{"upload.location": "path", "upload.state": "changes", "upload.query": "a=b", "upload.range-initial": "none"}},
		"manifest":     {[]record.Exchange{put}, map[string]string{"manifest.location": "absolute", "manifest.location-reference": "as-pushed", "manifest.oci-subject": "no", "manifest.subject": "201"}},
		"garbage":      {[]record.Exchange{garbage}, map[string]string{"manifest.put-invalid": "422 MANIFEST_INVALID"}},
		"range":        {[]record.Exchange{part}, map[string]string{"blob.range": "ignored"}},
		"out of order": {[]record.Exchange{upload(1, "/v2/app/blobs/uploads/s1"), chunk(2, "0-9", 202), chunk(3, "50-59", 400)}, map[string]string{"upload.out-of-order": "400", "upload.chunk": "202"}},
		"token":        {[]record.Exchange{challenge, token}, map[string]string{"auth.scheme": "bearer", "auth.path": "/x/token", "auth.service": "svc", "auth.ttl": "2h", "auth.token-field": "token", "auth.token-fields": "extra"}},
		"deleted":      {deleted, map[string]string{"manifest.delete-tag-keeps": "nothing", "manifest.delete-tag": "202"}},
	} {
		t.Run(name, func(t *testing.T) {
			result := from(t, test.log...)
			for trait, want := range test.want {
				assert.Equal(t, want, string(fact(result, trait).Value), trait)
			}
		})
	}
}

func TestEvidence(t *testing.T) {
	x := exchange(7, "GET", "/v2/team/app/manifests/v1", 404, `{"errors":[{"code":"GONE","message":"no v1 in team/app","detail":{"Name":"team/app","Tag":"v1"}}]}`, "X-RateLimit-Limit", "100", "Server", "x", "Content-Type", "application/json")
	f := fact(from(t, x), "manifest.missing")
	assert.Equal(t, "mine.har, exchange 7: GET /v2/<repo>/manifests/<tag>", f.Source)
	assert.Equal(t, "GET is answered with 404 GONE", f.Seen)
	assert.Equal(t, profiles.FromWire, f.Grade)
	require.NotNil(t, f.Answer)
	assert.Equal(t, "no {reference} in {repo}", *f.Answer.Message)
	assert.JSONEq(t, `{"Name":"{repo}","Tag":"{reference}"}`, string(f.Answer.Detail))
	assert.Equal(t, map[string][]string{"X-Ratelimit-Limit": {"100"}, "Docker-Distribution-Api-Version": {}}, f.Answer.Header)
}

// What contradicts itself is unknown, and failures and limits are left out.
func TestConflicts(t *testing.T) {
	missing := func(seq, status int) record.Exchange { return exchange(seq, "GET", "/v2/app/manifests/v1", status, "") }
	result := from(t, missing(1, 404), missing(2, 404), exchange(3, "DELETE", "/v2/app/blobs/"+digest, 202, ""), exchange(4, "DELETE", "/v2/app/blobs/"+digest, 405, ""))
	assert.Equal(t, []learn.Conflict{{Trait: "blob.delete", Why: "202 (mine.har, exchange 3: DELETE /v2/<repo>/blobs/<digest>), but 405 (mine.har, exchange 4: DELETE /v2/<repo>/blobs/<digest>)"}}, result.Conflicts)
	assert.Empty(t, fact(result, "blob.delete"))

	faulted, cut := missing(3, 400), missing(4, 403)
	faulted.Faults, cut.Cut = []string{"flaky"}, true
	result = from(t, missing(1, 429), missing(2, 503), faulted, cut)
	assert.Empty(t, result.Facts)
	assert.Empty(t, result.Conflicts)
}

func TestHosts(t *testing.T) {
	a, b := exchange(1, "GET", "/v2/", 200, "{}"), exchange(2, "GET", "/v2/", 200, "other")
	b.Host = "other.test"
	r := learn.Recording{Name: "x", Log: record.Log{a, b}}
	_, err := learn.From("", r)
	require.ErrorContains(t, err, "choose one of other.test, registry.test")
	_, err = learn.From("third.test", r)
	require.ErrorContains(t, err, `no request to "third.test"`)
	result, err := learn.From("other.test", r)
	require.NoError(t, err)
	assert.Equal(t, "other", string(fact(result, "ping.body").Value))
	_, err = learn.From("", learn.Recording{Name: "x", Log: record.Log{exchange(1, "GET", "/", 200, "")}})
	require.ErrorContains(t, err, "no request of the distribution API")
}

// Credentials are everywhere in this recording.
func TestSecrets(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0c2VjcmV0c2VjcmV0"
	x := exchange(1, "GET", "/v2/app/manifests/v1?token=secret", 404, `{"errors":[{"code":"X","message":"token=secret `+jwt+`","detail":{"password":"secret","url":"https://secret:secret@x/"}}]}`,
		"Set-Cookie", "a=secret", "X-Auth-Token", "secret", "X-RateLimit-Token", "secret", "Cache-Control", "token=secret")
	x.Header.Set("Authorization", "Bearer "+jwt)
	start := exchange(2, "POST", "/v2/app/blobs/uploads/", 202, `{"token":"secret"}`, "Location", "/v2/app/blobs/uploads/x?token=secret&X-Amz-Signature=secret")
	again := start
	again.Seq = 3
	text, err := json.Marshal(from(t, x, start, again, start).Facts)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "secret")
	assert.NotContains(t, string(text), "c2VjcmV0")
}

// A profile that is learned from the strict registry does not differ from it.
func TestStrict(t *testing.T) {
	reg := registrytest.New(t)
	reg.Push(t, "app:v1", images.Random())
	reg.Push(t, "app:v2", images.Random())
	client := reg.Client()
	for _, target := range []string{"/v2/", "/v2/app/tags/list?n=1", "/v2/app/manifests/v1", "/v2/app/manifests/none", "/v2/app/blobs/" + digest, "/v2/none/tags/list", "/v2/app/referrers/" + digest} {
		response, err := client.Get(reg.URL() + target)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	result, err := learn.From("", learn.Recording{Name: "log.jsonl", Log: reg.Requests()})
	require.NoError(t, err)
	assert.Empty(t, result.Conflicts)
	assert.Greater(t, len(result.Facts), 10)
	strict := map[string]string{}
	for _, trait := range profiles.Traits() {
		strict[trait.Name] = trait.Strict
	}
	for _, f := range result.Facts {
		assert.Equal(t, strict[f.Trait], string(f.Value), f.Trait)
		if f.Answer != nil {
			assert.Empty(t, f.Answer.Header, f.Trait)
			assert.Nil(t, f.Answer.Body, f.Trait)
		}
		assert.Empty(t, f.Rules, f.Trait)
	}
}

func FuzzFrom(f *testing.F) {
	add := func(log ...record.Exchange) {
		var text bytes.Buffer
		require.NoError(f, record.Log(log).WriteJSONL(&text))
		f.Add(text.Bytes())
	}
	add(exchange(1, "GET", "/v2/app/manifests/v1", 404, `{"errors":[{"code":"GONE","message":"m","detail":{"a":["{repo}"]}}]}`, "Location", "x"))
	add(exchange(1, "POST", "/v2/app/blobs/uploads/", 202, "{}", "Location", "/v2/app/blobs/uploads/s1?a=", "Range", "0--1"), exchange(2, "PATCH", "/v2/app/blobs/uploads/s1", 416, ""))
	add(exchange(1, "GET", "/v2/", 401, "", "WWW-Authenticate", `Bearer realm="https://a/b"`), exchange(2, "GET", "/v2/app/tags/list?n=2", 200, `{"tags":null}`, "Link", "<x?n=2>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		log, err := record.ReadJSONL(bytes.NewReader(text))
		if err != nil {
			return
		}
		result, err := learn.From("", learn.Recording{Name: "fuzz", Log: log})
		if err != nil {
			return
		}
		p := profiles.Profile{Name: "fuzz", Facts: result.Facts}
		require.NoError(t, p.Check())
		for _, fact := range result.Facts {
			require.LessOrEqual(t, len(fmt.Sprint(fact)), 64<<10)
		}
	})
}
