package registry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// TestAnswerOperations: a row of a dialect applies to the operations that it names.
func TestAnswerOperations(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []op.Op
		want string
	}{
		{"all", nil, "yes"},
		{"this one", []op.Op{op.TagList, op.Ping}, "yes"},
		{"this one twice", []op.Op{op.Ping, op.TagList, op.Ping}, "yes"},
		{"others", []op.Op{op.TagList}, ""},
		{"no operation", []op.Op{255}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := registry.Answer{Ops: tt.ops, Header: map[string][]string{"X-Row": {"yes"}}}
			handler := registry.New(memstore.New(memstore.Options{}), registry.Options{Dialect: &registry.Dialect{Answers: []registry.Answer{row}}})
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", nil))
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, tt.want, w.Header().Get("X-Row"))
		})
	}
}
