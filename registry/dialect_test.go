package registry_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

func serveWith(t *testing.T, d registry.Dialect, method, target, body string) *http.Response {
	t.Helper()
	store := memstore.New(memstore.Options{})
	upload, err := store.NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)
	require.NoError(t, upload.Commit(t.Context(), registry.Chunk{Body: strings.NewReader("hello"), Offset: registry.Unknown, Length: registry.Unknown}, digest.FromString("hello")))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	registry.New(store, registry.Options{Dialect: &d}).ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}

func cause(t *testing.T, text string) (c registry.Cause) {
	t.Helper()
	require.NoError(t, c.UnmarshalText([]byte(text)))
	return c
}

func TestDialectErrors(t *testing.T) {
	message := "no {reference} in {repo}"
	html := "<html>"
	missing := func(a registry.Answer) registry.Dialect {
		a.Causes = []registry.Cause{cause(t, "manifest-unknown")}
		return registry.Dialect{Answers: []registry.Answer{a}}
	}
	for name, test := range map[string]struct {
		dialect     registry.Dialect
		status      int
		contentType string
		body        string
	}{
		"code":      {missing(registry.Answer{Status: 400, Code: "X", Message: &message}), 400, "application/json", `{"errors":[{"code":"X","message":"no v1 in app","detail":{"name":"app","tag":"v1"}}]}`},
		"detail":    {missing(registry.Answer{Message: &message, Detail: json.RawMessage(`{"T":"{tag}"}`)}), 404, "application/json", `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no v1 in app","detail":{"T":"v1"}}]}`},
		"null":      {missing(registry.Answer{Message: &message, Detail: json.RawMessage(`null`)}), 404, "application/json", `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no v1 in app","detail":null}]}`},
		"no detail": {missing(registry.Answer{Message: &message, Shape: registry.ShapeNoDetail}), 404, "application/json", `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no v1 in app"}]}`},
		"bare":      {missing(registry.Answer{Message: &message, Shape: registry.ShapeBare, Detail: json.RawMessage(`1`)}), 404, "application/json", `{"code":"MANIFEST_UNKNOWN","message":"no v1 in app","detail":1}`},
		"text":      {missing(registry.Answer{Message: &message, Shape: registry.ShapeText}), 404, "text/plain; charset=utf-8", "no v1 in app\n"},
		"empty":     {missing(registry.Answer{Shape: registry.ShapeEmpty}), 404, "", ""},
		"body":      {missing(registry.Answer{Body: &html, Header: map[string][]string{"Content-Type": {"text/html"}}}), 404, "text/html", "<html>"},
		"others":    {registry.Dialect{Answers: []registry.Answer{{Ops: []op.Op{op.BlobGet}, Errors: true, Status: 400}}}, 404, "application/json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := serveWith(t, test.dialect, http.MethodGet, "/v2/app/manifests/v1", "")
			assert.Equal(t, test.status, r.StatusCode)
			assert.Equal(t, test.contentType, r.Header.Get("Content-Type"))
			if got := bodyOf(t, r); test.body != "" {
				assert.Equal(t, test.body, got)
			} else if name == "empty" {
				assert.Empty(t, got)
			}
		})
	}
}

func TestDialectSuccess(t *testing.T) {
	ok := "OK"
	blob := "/v2/app/blobs/" + string(digest.FromString("hello"))
	rows := func(rows ...registry.Answer) registry.Dialect { return registry.Dialect{Answers: rows} }

	r := serveWith(t, rows(registry.Answer{Ops: []op.Op{op.UploadStart}, Status: 201, Body: &ok, Header: map[string][]string{"Range": {}, "X": {"{repo}"}}}), http.MethodPost, "/v2/app/blobs/uploads/", "")
	assert.Equal(t, http.StatusCreated, r.StatusCode)
	assert.Equal(t, "OK", bodyOf(t, r))
	assert.Equal(t, "2", r.Header.Get("Content-Length"))
	assert.Equal(t, "app", r.Header.Get("X"))
	assert.NotContains(t, r.Header, "Range")

	r = serveWith(t, rows(registry.Answer{Ops: []op.Op{op.BlobDelete}, Status: 204}), http.MethodDelete, blob, "")
	assert.Equal(t, http.StatusNoContent, r.StatusCode)
	assert.NotContains(t, r.Header, "Content-Length")

	r = serveWith(t, registry.Dialect{Missing: []op.Op{op.BlobDelete}}, http.MethodDelete, blob, "")
	assert.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
	assert.Equal(t, "GET, HEAD", r.Header.Get("Allow"))
}

func TestDialectRefused(t *testing.T) {
	for want, d := range map[string]registry.Dialect{
		"status 99":                  {Answers: []registry.Answer{{Status: 99}}},
		"name causes":                {Answers: []registry.Answer{{Code: "X"}}},
		"choose one":                 {Answers: []registry.Answer{{Errors: true, Causes: []registry.Cause{registry.Denied}}}},
		"not JSON":                   {Answers: []registry.Answer{{Errors: true, Detail: json.RawMessage("{")}}},
		"is not the name of a field": {Answers: []registry.Answer{{Header: map[string][]string{"a b": {}}}}},
		"control character":          {Answers: []registry.Answer{{Header: map[string][]string{"A": {"b\r\nC: d"}}}}},
		"Content-Length is that":     {Answers: []registry.Answer{{Header: map[string][]string{"content-length": {"1"}}}}},
		`Mounts is "x"`:              {Mounts: "x"},
		`UnknownLast is "x"`:         {UnknownLast: "x"},
		`Order is "x"`:               {Order: "x"},
		`ManifestReference is "x"`:   {ManifestReference: "x"},
		`BlobType is "x"`:            {BlobType: "x"},
		`Unrouted is "x"`:            {Unrouted: "x"},
		`ReferrersOrder is "x"`:      {ReferrersOrder: "x"},
		`UploadQuery is "a b"`:       {UploadQuery: "a b"},
		`StateParameter is "a&b"`:    {StateParameter: "a&b"},
		`TagsOfDeleted is "x"`:       {TagsOfDeleted: "x"},
		`FailedCommit is "x"`:        {FailedCommit: "x"},
		`by is "x"`:                  {Answers: []registry.Answer{{By: "x"}}},
		`LinkQuery is "a>"`:          {LinkQuery: "a>"},
		`shape is "x"`:               {Answers: []registry.Answer{{Errors: true, Shape: "x"}}},
	} {
		options := registry.Options{Dialect: &d}
		assert.ErrorContains(t, options.Validate(), want)
	}
}

func TestCauseText(t *testing.T) {
	text, err := registry.BlobUnknown.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "blob-unknown", string(text))
	assert.Equal(t, registry.BlobUnknown, cause(t, "blob-unknown"))
	assert.ErrorIs(t, cause(t, "digest-unusable"), registry.BlobUnknown)
	assert.NotErrorIs(t, registry.BlobUnknown, registry.NameUnknown)
	var c registry.Cause
	assert.ErrorContains(t, c.UnmarshalText([]byte("blob-unknow")), "blob-unknown")
}
