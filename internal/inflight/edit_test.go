package inflight_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

func dropQuery(r *http.Request) { r.URL.RawQuery = "" }

func TestEdit(t *testing.T) {
	sent := httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/?mount=sha256:0&from=lib", nil)
	sent.RequestURI = "/prefix" + sent.RequestURI
	sent = sent.WithContext(inflight.With(sent.Context(), "initial"))
	sent, before := inflight.BeginWith(sent, func(info *op.Info) { info.Repo, info.Alias, info.From = "real", info.Repo, "real-lib" })

	edited := inflight.Edit(sent, func(r *http.Request) { r.Header.Set("Range", "x") })
	assert.Empty(t, sent.Header)
	_, state := inflight.Begin(edited)
	assert.Equal(t, before.Info(), state.Info(), "nothing that is parsed has changed")

	again := inflight.Edit(edited, dropQuery)
	_, state = inflight.Begin(again)
	assert.Equal(t, &op.Info{Op: op.UploadStart, Method: http.MethodPost, Repo: "real", Alias: "app", Prefix: "/prefix"}, state.Info())
	assert.Equal(t, "x", again.Header.Get("Range"))
	assert.Equal(t, op.BlobMount, before.Info().Op)
	for _, r := range []*http.Request{sent, edited, again} {
		first, its := inflight.Of(r.Context()).Sent(r)
		assert.Same(t, sent, first)
		assert.Same(t, before, its)
	}

	state.AddServed("without query")
	state.AddFault("rule")
	state.SetIdentity("ann", []string{"scope"})
	state.SetVerified(digest.FromString("x"))
	state.SetStaleState(true)
	inflight.Keep(state, 7)
	want := op.Learned{Subject: "ann", Scopes: []string{"scope"}, Faults: []string{"rule"}, Served: []string{"without query"}, Verified: digest.FromString("x"), StaleState: true}
	assert.Equal(t, want, before.Learned())
	assert.Equal(t, want, state.Learned())
	for _, r := range []*http.Request{sent, again} {
		number, _ := inflight.Value[int](r.Context())
		text, _ := inflight.Value[string](r.Context())
		assert.Equal(t, 7, number)
		assert.Equal(t, "initial", text)
	}
}

// A path of a second origin is none of the API.
func TestEditExternal(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/external/app/blobs/"+string(digest.FromString("x"))+"?signature=y", nil)
	r = r.WithContext(inflight.WithExternal(r.Context()))
	_, state := inflight.Begin(inflight.Edit(r, dropQuery))
	assert.Equal(t, &op.Info{Op: op.External, Method: http.MethodGet, Repo: "app", Digest: digest.FromString("x")}, state.Info())
}
