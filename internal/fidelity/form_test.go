package fidelity_test

import (
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/fidelity"
)

var (
	example = &fidelity.Recording{Repo: "team/app", Other: "team/app-copy"}
	layer   = digest.FromString("layer")
	named   = map[digest.Digest]string{layer: "layer"}
)

func TestHeaderForms(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"Location", "http://registry.example:5000/v2/team/app/blobs/" + layer.String(), "<origin>/v2/<repo>/blobs/<layer>"},
		{"Location", "/v2/team/app-copy/blobs/uploads/1234?_state=x&_nouploadcache=false", "/v2/<other>/blobs/uploads/<session>?_nouploadcache=false&_state=<value>"},
		{"Location", "/v2/team/app/blobs/uploads/<uuid>.patch", "/v2/<repo>/blobs/uploads/<session>"},
		{"Location", "/v2/team/app/blobs/uploads/" + layer.String(), "/v2/<repo>/blobs/uploads/<layer>"},
		{"Location", "https://elsewhere.example/blob", "https://elsewhere.example/blob"},
		{"Docker-Upload-UUID", "1234", "<session>"},
		{"Docker-Content-Digest", layer.String(), "<layer>"},
		{"Docker-Content-Digest", digest.FromString("other").String(), "<digest>"},
		{"ETag", `"` + layer.String() + `"`, `"<layer>"`},
		{"ETag", `W/"123"`, `W/"<tag>"`},
		{"ETag", "0ca928", "<tag>"},
		{"Last-Modified", "Wed, 26 Jun 2024 15:05:07 GMT", "<date>"},
		{"Expires", "0", "0"},
		{"Content-Type", "application/json;charset=UTF-8", "application/json; charset=utf-8"},
		{"Content-Type", "nonsense;;", "nonsense;;"},
		{"Allow", "HEAD,GET", "GET, HEAD"},
		{"Retry-After", "17", "<n>"},
		{"X-RateLimit-Remaining", "17", "<value>"},
		{"X-New", "17", "<value>"},
		{"Link", `</v2/team/app/tags/list?n=2&last=v1>; rel="next"`, `</v2/<repo>/tags/list?last=v1&n=2>; rel="next"`},
		{"Link", "nonsense", "nonsense"},
		{"WWW-Authenticate", `Bearer realm="https://auth.example/token",service="registry.example:5000",scope="repository:team/app:push,pull"`,
			"Bearer realm=<origin>/token service=<host> scope=repository:<repo>:pull,push"},
		{"WWW-Authenticate", `Basic realm="a \"b\""`, `Basic realm=a "b"`},
	} {
		h := http.Header{}
		h.Set(tc.name, tc.value)
		assert.Equal(t, map[string]string{http.CanonicalHeaderKey(tc.name): tc.want}, fidelity.Headers(example, named, h), tc.value)
	}
	assert.Empty(t, fidelity.Headers(example, named, http.Header{"Date": {"x"}, "X-Goog-Anything": {"y"}, "Server": {"z"}}))
}

func TestKnownHeaders(t *testing.T) {
	for name, want := range map[string]bool{"etag": true, "X-Ms-Ratelimit-Remaining-Calls-Per-Second": true, "X-Goog-Hash": true, "Via": true, "X-New": false, "X-Googled": false} {
		assert.Equal(t, want, fidelity.Known(name), name)
	}
}

func TestBodyForms(t *testing.T) {
	for body, want := range map[string]any{
		"":                                       nil,
		"layer":                                  "<layer>",
		"404 page not found":                     "<text>",
		"{}":                                     map[string]any{},
		`{"token":"x"}`:                          map[string]any{"token": "<string>"},
		`{"expires_in":300}`:                     map[string]any{"expires_in": 300.0},
		`{"ok":true,"n":1.5}`:                    map[string]any{"ok": "<boolean>", "n": "<number>"},
		`{"name":"team/app","tags":["v1","v2"]}`: map[string]any{"name": "<repo>", "tags": []any{"v1", "v2"}},
		`{"errors":[{"code":"DENIED","message":"no","detail":{"code":"x","n":null}}]}`: map[string]any{"errors": []any{
			map[string]any{"code": "DENIED", "message": "<string>", "detail": map[string]any{"code": "<string>", "n": nil}},
		}},
		`{"manifests":[{"digest":"` + layer.String() + `","size":5,"annotations":{"a":"b"},"data":"x"}]}`: map[string]any{"manifests": []any{
			map[string]any{"digest": "<layer>", "size": 5.0, "annotations": map[string]any{"a": "b"}, "data": "<string>"},
		}},
	} {
		assert.Equal(t, want, fidelity.Body(example, named, body), body)
	}
}

func TestChallenges(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                    nil,
		"Basic":                               {"Basic"},
		`Basic realm="a, b=c", charset=utf-8`: {"Basic realm=a, b=c charset=utf-8"},
		`Bearer realm="r",scope="", Basic realm=x`: {"Bearer realm=r scope=", "Basic realm=x"},
		`Bearer realm="unclosed`:                   {"Bearer realm=unclosed"},
		`Bearer realm="\`:                          {"Bearer realm="},
		`realm="x"`:                                nil,
		`Bearer realm = "x" , service = y`:         {"Bearer realm=x service=y"},
		`Bearer "x"`:                               {"Bearer"},
	} {
		assert.Equal(t, want, fidelity.Challenges(text), text)
	}
}

func TestCompare(t *testing.T) {
	object := func(codes ...string) any {
		var list []any
		for _, code := range codes {
			list = append(list, map[string]any{"code": code, "message": "<string>"})
		}
		return map[string]any{"errors": list}
	}
	want := fidelity.Answer{Status: 404, Header: map[string]string{"Etag": "<tag>", "Range": "0-1"}, Body: object("BLOB_UNKNOWN")}
	for _, tc := range []struct {
		name string
		got  fidelity.Answer
		want []string
	}{
		{"equal", want, nil},
		{"status", fidelity.Answer{Status: 400, Header: want.Header, Body: want.Body}, []string{"status: 400 instead of 404"}},
		{"code", fidelity.Answer{Status: 404, Header: want.Header, Body: object("NAME_UNKNOWN")}, []string{"code: NAME_UNKNOWN instead of BLOB_UNKNOWN"}},
		{"header", fidelity.Answer{Status: 404, Header: map[string]string{"Range": "0-2", "Link": "x"}, Body: want.Body}, []string{
			`header Etag: absent instead of "<tag>"`, `header Link: "x" instead of absent`, `header Range: "0-2" instead of "0-1"`,
		}},
		{"no body", fidelity.Answer{Status: 404, Header: want.Header}, []string{
			"code: absent instead of BLOB_UNKNOWN", `body: null instead of {"errors":[{"code":"BLOB_UNKNOWN","message":"<string>"}]}`,
		}},
		{"two errors", fidelity.Answer{Status: 404, Header: want.Header, Body: object("BLOB_UNKNOWN", "DENIED")}, []string{
			"code: BLOB_UNKNOWN DENIED instead of BLOB_UNKNOWN",
			`body errors: [{"code":"BLOB_UNKNOWN","message":"<string>"},{"code":"DENIED","message":"<string>"}] instead of [{"code":"BLOB_UNKNOWN","message":"<string>"}]`,
		}},
		{"fields", fidelity.Answer{Status: 404, Header: want.Header, Body: map[string]any{"errors": []any{map[string]any{"code": "BLOB_UNKNOWN", "detail": nil}}}}, []string{
			"body errors[0].detail: null instead of absent", "body errors[0].message: absent instead of <string>",
		}},
	} {
		var got []string
		for _, d := range fidelity.Compare(want, tc.got) {
			got = append(got, d.String())
		}
		assert.Equal(t, tc.want, got, tc.name)
	}
}
