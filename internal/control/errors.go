package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/ocifake/ocifake/internal/unread"
	"github.com/ocifake/ocifake/registry"
)

// failure is an answer that says why there is no other.
type failure struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // what of the request is wrong
	Line    int    `json:"line,omitempty"`  // where in the body it stands
	Column  int    `json:"column,omitempty"`
}

func (f *failure) Error() string { return f.Message }

func failf(status int, format string, args ...any) *failure {
	return &failure{Status: status, Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *failure {
	return failf(http.StatusNotFound, format, args...)
}

// wrong is about a parameter, or a field of the body.
func wrong(field, format string, args ...any) *failure {
	return &failure{Status: http.StatusBadRequest, Message: field + ": " + fmt.Sprintf(format, args...), Field: field}
}

// asFailure is what is said of an error. What is not the client's fault is logged.
func (a *API) asFailure(r *http.Request, err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, registry.NameUnknown), errors.Is(err, registry.ManifestUnknown):
		return notFound("%v", err)
	case r.Context().Err() != nil:
		return failf(http.StatusServiceUnavailable, "stopped before it was done")
	}
	a.config.Log.Error("the control API failed", "method", r.Method, "path", r.URL.Path, "error", err)
	return failf(http.StatusInternalServerError, "%s %s: %v", r.Method, r.URL.Path, err)
}

// fail sends a failure at once, although the body may not have been read.
func fail(w http.ResponseWriter, r *http.Request, f *failure) {
	unread.Answer(w, r, func() { reply(w, f.Status, map[string]*failure{"error": f}) })
}

// reply sends a value as JSON. A client that has left does not get it.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // all that is sent has a JSON form, so it is the client's connection that fails
}
