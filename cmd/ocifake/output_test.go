package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// gate is a writer that lets a write begin when it is opened, and says when one
// wants to.
type gate struct {
	bytes.Buffer
	wants, open chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	g.wants <- struct{}{}
	<-g.open
	return g.Buffer.Write(p)
}

func ask(handler http.Handler, n int) {
	for i := range n {
		r, _ := http.NewRequest(http.MethodGet, "/v2/app/manifests/v"+strconv.Itoa(i), nil)
		handler.ServeHTTP(discard{http.Header{}}, r)
	}
}

// discard takes an answer.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// followWhile returns what is written of three requests, and of what happens while
// those are written.
func followWhile(t *testing.T, rec *recorder.Recorder, happens func(handler http.Handler)) *bytes.Buffer {
	t.Helper()
	handler := rec.Wrap(http.NotFoundHandler())
	ask(handler, 3)
	w := &gate{wants: make(chan struct{}), open: make(chan struct{})}
	ended, written := make(chan struct{}), make(chan error, 1)
	go func() { written <- follow(rec, w, ended) }()
	<-w.wants
	happens(handler)
	close(ended)
	close(w.open)
	go func() {
		for range w.wants { // further writes
		}
	}()
	require.NoError(t, <-written)
	close(w.wants)
	return &w.Buffer
}

func TestFollowWritesWhatHasEnded(t *testing.T) {
	log, err := record.ReadJSONL(followWhile(t, recorder.New(recorder.Options{}), func(handler http.Handler) { ask(handler, 2500) }))
	require.NoError(t, err)
	assert.Len(t, log, 2503)
	assert.Equal(t, 2503, log.Count(record.Op(op.ManifestGet)))
}

// What has ended is in the file even if the record is cleared before it was read.
func TestFollowWritesWhatIsCleared(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	text := followWhile(t, rec, func(handler http.Handler) {
		for range 3 {
			ask(handler, 1500)
			rec.Clear()
		}
	})
	assert.Equal(t, 4503, strings.Count(text.String(), "\n"))
}

func TestFollowSaysWhatIsMissing(t *testing.T) {
	rec := recorder.New(recorder.Options{MaxBytes: 64 << 10})
	handler := rec.Wrap(http.NotFoundHandler())
	ask(handler, 20000)
	require.NotZero(t, rec.Dropped())
	ended := make(chan struct{})
	close(ended)
	err := follow(rec, io.Discard, ended)
	assert.ErrorContains(t, err, strconv.Itoa(rec.Dropped())+" requests, which were dropped")

	rec.Clear()
	ask(handler, 3)
	var text bytes.Buffer
	require.NoError(t, follow(rec, &text, ended), "what was forgotten on request is not missing")
	assert.Equal(t, 3, strings.Count(text.String(), "\n"))
}

func TestFollowPassesOnErrors(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	ask(rec.Wrap(http.NotFoundHandler()), 3)
	full, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	assert.Error(t, follow(rec, full, nil))
}

// The files are there after the end, with what was asked until then.
func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	c := outputs{har: file("r.har"), requests: file("r.jsonl"), transcript: file("t.txt"), snapshot: file("s.tar")}
	for _, name := range []string{c.har, c.requests, c.transcript, c.snapshot} {
		require.NoError(t, os.WriteFile(name, []byte("of an earlier run"), 0o600))
	}
	f, _ := startFixture(t, "--generate", "app:v1", "--har", c.har, "--requests", c.requests, "--transcript", c.transcript, "--snapshot", c.snapshot)
	answer, err := http.Get(f.server.URL() + "/v2/app/manifests/v1")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.NoError(t, f.Close())

	for name, read := range map[string]func(io.Reader) (record.Log, error){c.har: record.ReadHAR, c.requests: record.ReadJSONL} {
		r, err := os.Open(name)
		require.NoError(t, err)
		log, err := read(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Len(t, log, 1, name)
		assert.Equal(t, http.StatusOK, log[0].Status)
	}
	text, err := os.ReadFile(c.transcript)
	require.NoError(t, err)
	assert.Contains(t, string(text), "/v2/app/manifests/v1")

	again, _ := startFixture(t, "--load", c.snapshot)
	answer, err = http.Get(again.server.URL() + "/v2/app/manifests/v1")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}

func TestOutputsNeedTheirFolders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	c := outputs{har: filepath.Join(dir, "missing", "r.har"), requests: filepath.Join(dir, "file", "r.jsonl"), snapshot: filepath.Join(dir, "s.tar")}
	_, err := findTargets(c.files(), nil)
	assert.ErrorContains(t, err, "r.har: ")
	assert.ErrorContains(t, err, "r.jsonl: ")
	assert.NotContains(t, err.Error(), "s.tar")
}
