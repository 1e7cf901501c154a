package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/registry"
)

// failure is an error response.
type failure struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // the parameter or field that is wrong
	Line    int    `json:"line,omitempty"`  // its position in the body
	Column  int    `json:"column,omitempty"`
}

func (f *failure) Error() string { return f.Message }

func failf(status int, format string, args ...any) *failure {
	return &failure{Status: status, Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *failure {
	return failf(http.StatusNotFound, format, args...)
}

// wrong returns a failure for a parameter, or a field of the body.
func wrong(field, format string, args ...any) *failure {
	return &failure{Status: http.StatusBadRequest, Message: field + ": " + fmt.Sprintf(format, args...), Field: field}
}

// asFailure converts an error to a failure. It logs errors of the server.
func (a *API) asFailure(r *http.Request, err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, registry.NameUnknown), errors.Is(err, registry.ManifestUnknown):
		return notFound("%v", err)
	case errors.Is(err, errors.ErrUnsupported):
		return failf(http.StatusNotImplemented, "%v", err)
	case r.Context().Err() != nil:
		return failf(http.StatusServiceUnavailable, "the request was canceled")
	}
	a.config.Log.Error("control API request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	return failf(http.StatusInternalServerError, "%s %s: %v", r.Method, r.URL.Path, err)
}

// fail sends a failure without reading the rest of the body.
func fail(w http.ResponseWriter, r *http.Request, f *failure) {
	inflight.Answer(w, r, func() { reply(w, f.Status, map[string]*failure{"error": f}) })
}

// reply sends a value as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // every value has a JSON form: only the connection can fail
}
