package registry_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wire is a registry on a socket, for clients that misbehave.
type wire struct {
	fixture
	server *httptest.Server
	ended  chan string // requests whose handler has returned, "PATCH /path"
}

func newWire(t *testing.T, store registry.Store) wire {
	t.Helper()
	g := registry.New(store, registry.Options{})
	ended := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- r.Method }()
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return wire{fixture{g, t}, server, ended}
}

// send writes raw bytes on a connection of its own.
func (w wire) send(raw string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, raw)
	require.NoError(w.t, err)
	return conn
}

func (w wire) waitFor(method string) {
	w.t.Helper()
	for got := range w.ended {
		if got == method {
			return
		}
	}
}

func readResponse(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return resp
}

// What arrived before the connection broke is kept, and the upload goes on there.
func TestResumeAfterDroppedConnection(t *testing.T) {
	for _, method := range []string{http.MethodPatch, http.MethodPut} {
		t.Run(method, func(t *testing.T) {
			w := newWire(t, memstore.New(memstore.Options{}))
			location := withDigest(t, w.startUpload("app"), textDigest)
			conn := w.send(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456", method, location))
			require.NoError(t, conn.Close())
			w.waitFor(method)

			resp := w.get(location)
			w.status(resp, http.StatusNoContent)
			assert.Equal(t, "0-6", resp.Header.Get("Range"))
			resp = w.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), textDigest), strings.NewReader("789"), "Content-Range", "7-9")
			w.status(resp, http.StatusCreated)
		})
	}
}

// A blob that broke off in a POST leaves nothing behind.
func TestDroppedPostLeavesNothing(t *testing.T) {
	store := memstore.New(memstore.Options{})
	w := newWire(t, store)
	conn := w.send("POST /v2/app/blobs/uploads/?digest=" + string(textDigest) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456")
	require.NoError(t, conn.Close())
	w.waitFor(http.MethodPost)
	requireNoUploads(t, w.fixture)
	w.status(w.get("/v2/app/tags/list"), http.StatusNotFound, "NAME_UNKNOWN")
	assert.Zero(t, store.Bytes())
}

// An announced length costs nothing until bytes arrive.
func TestAnnouncedLengthIsNotBelieved(t *testing.T) {
	store := memstore.New(memstore.Options{MaxBytes: 8 << 20})
	w := newWire(t, store)
	location := w.startUpload("app")
	conn := w.send("PATCH " + location + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10737418240\r\n\r\nabc")
	require.NoError(t, conn.Close())
	w.waitFor(http.MethodPatch)
	assert.Less(t, store.Bytes(), int64(2<<20))
	resp := w.get(location)
	assert.Equal(t, "0-2", resp.Header.Get("Range"))
}

// A second writer on a session is refused while the first is stalled, and the
// first is not disturbed.
func TestTwoWriters(t *testing.T) {
	w := newWire(t, memstore.New(memstore.Options{}))
	location := w.startUpload("app")
	first := w.send("PATCH " + location + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
	for { // until the first has begun to arrive
		if resp := w.get(location); resp.Header.Get("Range") == "0-4" {
			break
		}
	}
	for _, method := range []string{http.MethodPatch, http.MethodPut} {
		resp := w.do(method, withDigest(t, location, textDigest), strings.NewReader("56789"))
		w.status(resp, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
	}
	_, err := io.WriteString(first, "56789")
	require.NoError(t, err)
	resp := readResponse(t, first)
	w.status(resp, http.StatusAccepted)
	assert.Equal(t, "0-9", resp.Header.Get("Range"))
	w.status(w.do(http.MethodPut, withDigest(t, resp.Header.Get("Location"), textDigest), nil), http.StatusCreated)
}

// Cancelling ends a chunk that is still arriving.
func TestCancelWhileWriting(t *testing.T) {
	w := newWire(t, memstore.New(memstore.Options{}))
	location := w.startUpload("app")
	conn := w.send("PATCH " + location + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
	for {
		if resp := w.get(location); resp.Header.Get("Range") == "0-4" {
			break
		}
	}
	w.status(w.do(http.MethodDelete, location, nil), http.StatusNoContent)
	_, err := io.WriteString(conn, "56789")
	require.NoError(t, err)
	w.status(readResponse(t, conn), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
}

// A client that leaves in the middle of a pull does not keep its handler.
func TestClientLeavesDuringPull(t *testing.T) {
	w := newWire(t, memstore.New(memstore.Options{}))
	content := strings.Repeat("x", 32<<20)
	blob := w.pushBlob("app", content)
	conn := w.send("GET /v2/app/blobs/" + string(blob.Digest) + " HTTP/1.1\r\nHost: x\r\n\r\n")
	_, err := io.ReadFull(conn, make([]byte, 1000))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	w.waitFor(http.MethodGet)
}

// A manifest that is too large is refused before it has arrived, whether its
// length is announced or not.
func TestGiganticManifest(t *testing.T) {
	w := newWire(t, memstore.New(memstore.Options{}))
	const head = "PUT /v2/app/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
	conn := w.send(head + "Content-Length: 1099511627776\r\n\r\n{")
	w.status(readResponse(t, conn), http.StatusRequestEntityTooLarge, "SIZE_INVALID")

	conn = w.send(head + "Transfer-Encoding: chunked\r\n\r\n")
	_, err := fmt.Fprintf(conn, "%x\r\n%s", 5<<20, strings.Repeat(" ", 4<<20+1))
	require.NoError(t, err)
	w.status(readResponse(t, conn), http.StatusRequestEntityTooLarge, "SIZE_INVALID")
}

// Sessions beyond the limit are refused, and cost nothing.
func TestSessionsAreBounded(t *testing.T) {
	const most = 100
	store := memstore.New(memstore.Options{MaxUploads: most})
	f := fixture{registry.New(store, registry.Options{}), t}
	locations := make([]string, most)
	for i := range locations {
		locations[i] = f.startUpload("app")
	}
	for range 10_000 {
		w := httptest.NewRecorder()
		f.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/", nil))
		require.Equal(t, http.StatusTooManyRequests, w.Code)
	}
	post := "/v2/app/blobs/uploads/?digest=" + string(textDigest)
	f.status(f.do(http.MethodPost, post, strings.NewReader(text)), http.StatusTooManyRequests, "TOOMANYREQUESTS")
	f.status(f.do(http.MethodDelete, locations[0], nil), http.StatusNoContent)
	f.status(f.do(http.MethodPost, post, strings.NewReader(text)), http.StatusCreated)
}

func TestSpaceRunsOut(t *testing.T) {
	store := memstore.New(memstore.Options{MaxBytes: 1 << 20})
	f := fixture{registry.New(store, registry.Options{}), t}
	f.pushBlob("app", text)
	before := store.Bytes()
	big := strings.Repeat("x", 2<<20)
	d := digest.FromString(big)
	f.status(f.do(http.MethodPost, "/v2/app/blobs/uploads/?digest="+string(d), strings.NewReader(big)), http.StatusForbidden, "DENIED")
	assert.Equal(t, before, store.Bytes())
	location := f.startUpload("app")
	f.status(f.do(http.MethodPatch, location, strings.NewReader(big)), http.StatusForbidden, "DENIED")
	f.status(f.do(http.MethodDelete, location, nil), http.StatusNoContent)
	assert.Equal(t, before, store.Bytes())
	f.pushBlob("app", "still works")
}

func TestPathTraversal(t *testing.T) {
	w := newWire(t, memstore.New(memstore.Options{}))
	w.pushBlob("app", text)
	for _, target := range []string{
		"/v2/../v2/app/blobs/" + string(textDigest),
		"/v2/x/../app/blobs/" + string(textDigest),
		"/v2/x%2f..%2fapp/blobs/" + string(textDigest),
		"/v2/x/%2e%2e/app/blobs/" + string(textDigest),
		"/v2//app/blobs/" + string(textDigest),
		"/v2/app/blobs/../blobs/" + string(textDigest),
		"/v2/app/blobs/" + url.PathEscape("../blobs/"+string(textDigest)),
		"/v2/app/manifests/..%2f..%2fapp",
		"/v2/app%00/blobs/" + string(textDigest),
		"//v2/app/blobs/" + string(textDigest),
	} {
		conn := w.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")
		resp := readResponse(t, conn)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, target)
	}
}
