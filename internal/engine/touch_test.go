package engine_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
)

const (
	layer  = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	config = "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"
)

// Requests, as method and target.
const (
	getLayer    = "GET /v2/app/blobs/" + layer
	getConfig   = "GET /v2/app/blobs/" + config
	getLibLayer = "GET /v2/lib/go/blobs/" + layer
	getV1       = "GET /v2/app/manifests/v1"
	headV1      = "HEAD /v2/app/manifests/v1"
	putV1       = "PUT /v2/app/manifests/v1"
	listTags    = "GET /v2/app/tags/list"
	ping        = "GET /v2/"
)

// found is a registry of which only the status matters: 200.
var found = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// send sends a request to a handler, and returns its answer and the names of the
// rules that touched it, "-" if there are none. Headers are names and values in
// turn.
func send(handler http.Handler, request string, header ...string) (w *httptest.ResponseRecorder, touched string) {
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w = httptest.NewRecorder()
	touched = "-"
	defer func() {
		if p := recover(); p != nil && !errors.Is(p.(error), http.ErrAbortHandler) {
			panic(p)
		}
	}()
	r, state := inflight.Begin(r)
	defer func() {
		if rules := state.Learned().Faults; len(rules) > 0 {
			touched = strings.Join(rules, "+")
		}
	}()
	handler.ServeHTTP(w, r)
	return w, touched
}

// touch sends requests, each with no header, and returns what touched them.
func touch(handler http.Handler, requests ...string) []string {
	touched := make([]string, len(requests))
	for i, request := range requests {
		_, touched[i] = send(handler, request)
	}
	return touched
}

// times repeats a request.
func times(n int, request string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = request
	}
	return all
}

// engineWith returns an engine without a Store that has rules.
func engineWith(t testing.TB, rules ...faults.Rule) *engine.Engine {
	t.Helper()
	e := engine.New(nil)
	require.NoError(t, e.Add(rules...))
	return e
}

// names returns the names of an engine's rules.
func names(e *engine.Engine) []string {
	var list []string
	for _, s := range e.Rules() {
		list = append(list, s.Rule.Name)
	}
	return list
}
