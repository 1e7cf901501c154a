package engine_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
)

// TestBeside: engines beside one another have the same rules, which count together, and content of
// their own.
func TestBeside(t *testing.T) {
	one := engine.New(memstore.New(memstore.Options{}))
	two := one.Beside(memstore.New(memstore.Options{}))
	require.NoError(t, one.Bind(effect.Site{}))
	require.NoError(t, two.Bind(effect.Site{Connections: true}))
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	status := func(e *engine.Engine) int {
		w := httptest.NewRecorder()
		e.Wrap(ok).ServeHTTP(w, httptest.NewRequest("GET", "/v2/app/tags/list", nil))
		return w.Code
	}
	require.NoError(t, one.Add(faults.On(op.TagList).Named("a").Times(2).Do(faults.Status(503))))
	assert.Equal(t, []int{503, 503, 200, 200}, []int{status(two), status(one), status(two), status(one)})
	require.Len(t, two.Rules(), 1)
	assert.Equal(t, 2, two.Rules()[0].Hits)

	require.NoError(t, one.Add(faults.OnConnect().Named("b").Do(faults.Refuse())), "it can act on one of the servers")
	require.ErrorContains(t, two.Bind(effect.Site{}), "acts on connections")
	require.NoError(t, one.Bind(effect.Site{Connections: true}))
	require.NoError(t, two.Bind(effect.Site{}), "now on the other")
	two.Clear()
	assert.Empty(t, one.Rules())
}
