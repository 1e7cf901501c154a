package main

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
)

// minimal keeps one blob under any name, and does only the unavoidable work: one Write for a pull;
// for a push, one allocation of the announced size, one read and one SHA-256. Like a registry, it
// responds to POST with a Location for the PUT, and releases the blob on DELETE.
type minimal struct{ content atomic.Pointer[[]byte] }

// ServeHTTP implements [http.Handler].
func (m *minimal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == pingPath:
	case r.Method == http.MethodGet:
		m.pull(w)
	case r.Method == http.MethodPost:
		w.Header().Set("Location", r.URL.Path+"session")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		m.push(w, r)
	case r.Method == http.MethodDelete:
		m.content.Store(nil)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (m *minimal) pull(w http.ResponseWriter) {
	content := m.content.Load()
	if content == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(*content)))
	_, _ = w.Write(*content) // the client has left
}

func (m *minimal) push(w http.ResponseWriter, r *http.Request) {
	content := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, content); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if want := r.URL.Query().Get("digest"); string(digest.FromBytes(content)) != want {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.content.Store(&content)
	w.WriteHeader(http.StatusCreated)
}
