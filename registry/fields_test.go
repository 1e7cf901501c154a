package registry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// TestFieldsTogether: a field of a dialect is made of the fields of the answer as they were, also if the
// same row drops them.
func TestFieldsTogether(t *testing.T) {
	reg := registry.New(memstore.New(memstore.Options{}), registry.Options{Dialect: &registry.Dialect{Answers: []registry.Answer{{
		Ops: []op.Op{op.Ping}, Header: map[string][]string{"X-Version": {"{host}"}, "Range": {"1-2"}, "A": {"<{range}>"}, "B": {"<{range}>"}, "Z": {"<{range}>"}},
	}}}})
	for range 50 { // the order of a map changes
		w := httptest.NewRecorder()
		reg.Speak(reg).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/", nil))
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, []string{"<>", "<>", "<>", "1-2"}, []string{w.Header().Get("A"), w.Header().Get("B"), w.Header().Get("Z"), w.Header().Get("Range")})
	}
}
