package engine_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// A rule whose effects cannot act on a request leaves it to the next rule.
func TestRuleLeavesWhatItCannotActOn(t *testing.T) {
	for name, test := range map[string]struct {
		effect  faults.Effect
		request string
		body    string
	}{
		"no range":        {faults.IgnoreRange(), getLayer, ""},
		"no such tag":     {faults.Immutable(faults.Status(http.StatusConflict)), putV1, "{}"},
		"no such session": {faults.LoseUpload(), "PATCH /v2/app/blobs/uploads/none", "some"},
		"a short request": {faults.Close(4).OfRequest(), "PATCH /v2/app/blobs/uploads/none", "some"},
		"goaway":          {faults.GoAway(4).OfRequest(), "PATCH /v2/app/blobs/uploads/none", "some"},
		"all of them":     {faults.All(faults.LoseUpload(), faults.Close(4).OfRequest()), "PATCH /v2/app/blobs/uploads/none", "some"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine.New(memstore.New(memstore.Options{}))
			e.Bind(effect.Site{Connections: true})
			injected, err := e.Inject(faults.On().Named("first").Do(test.effect), faults.On().Named("second").Do(faults.Status(http.StatusTeapot)))
			require.NoError(t, err)
			method, target, _ := strings.Cut(test.request, " ")
			w := httptest.NewRecorder()
			e.Wrap(found).ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(test.body)))
			assert.Equal(t, http.StatusTeapot, w.Code)
			assert.Zero(t, injected[0].State().Seen)
			assert.Contains(t, injected[0].State().Unfired, "can act on none of them")
			assert.Equal(t, 1, injected[1].Hits())
		})
	}
}

// What the Store has is for the first rule.
func TestRuleKeepsWhatItCanActOn(t *testing.T) {
	store := memstore.New(memstore.Options{})
	e := engine.New(store)
	handler := e.Wrap(registry.New(e.Store(), registry.Options{AllowSparse: true}))
	put := func() int {
		const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
		r := httptest.NewRequest(http.MethodPut, "/v2/app/manifests/v1", strings.NewReader(manifest))
		r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusCreated, put())
	require.NoError(t, e.Add(
		faults.On(op.ManifestPut).Named("first").Seq(faults.Immutable(faults.Status(http.StatusConflict)), faults.Pass()),
		faults.On(op.ManifestPut).Named("second").Do(faults.Status(http.StatusTeapot)),
	))
	assert.Equal(t, []int{http.StatusConflict, http.StatusCreated, http.StatusTeapot}, []int{put(), put(), put()})
}
