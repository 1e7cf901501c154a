package recorder_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
)

// TestWithoutBody: a request without a body has none on record, beside an answer with one.
func TestWithoutBody(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"token":"x"}`) }))
	handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/v2/token?service=s", ""))
	log := rec.Log()
	require.Len(t, log, 1)
	assert.Nil(t, log[0].RequestBody)
	assert.NotEmpty(t, log[0].ResponseBody)
}
