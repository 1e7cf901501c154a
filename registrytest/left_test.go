package registrytest_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// abandoned is a Store that has no answer until the client has left.
type abandoned struct {
	registry.Store
	asked chan struct{}
	after bool // it does what is asked for first
}

func (s *abandoned) wait(ctx context.Context) error {
	s.asked <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (s *abandoned) OpenBlob(ctx context.Context, _ string, _ digest.Digest) (registry.Blob, error) {
	return nil, s.wait(ctx)
}

func (s *abandoned) DeleteBlob(ctx context.Context, _ string, _ digest.Digest) error {
	return s.wait(ctx)
}

func (s *abandoned) MountBlob(ctx context.Context, _ string, _ digest.Digest, _ string) error {
	return s.wait(ctx)
}

func (s *abandoned) NewUpload(ctx context.Context, _ string, _ digest.Algorithm) (registry.Upload, error) {
	return nil, s.wait(ctx)
}

func (s *abandoned) Manifest(ctx context.Context, _, _ string) (registry.Manifest, error) {
	return registry.Manifest{}, s.wait(ctx)
}

func (s *abandoned) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	if s.after {
		if err := s.Store.PutManifest(ctx, repo, m); err != nil {
			return err
		}
		_ = s.wait(ctx)
		return nil
	}
	return s.wait(ctx)
}

func (s *abandoned) DeleteManifest(ctx context.Context, _, _ string, _ registry.Precondition) error {
	return s.wait(ctx)
}

func (s *abandoned) Repositories(ctx context.Context, _ string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", s.wait(ctx)) }
}

func (s *abandoned) Tags(ctx context.Context, _, _ string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) { yield(registry.Tag{}, s.wait(ctx)) }
}

func (s *abandoned) Referrers(ctx context.Context, _ string, _, _ digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return func(yield func(ocispec.Descriptor, error) bool) { yield(ocispec.Descriptor{}, s.wait(ctx)) }
}

const (
	someDigest   = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73" // of "content"
	emptyIndex   = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	indexRequest = "PUT /v2/app/manifests/v1"
)

// departures are the ways in which clients come, and leave.
var departures = []struct {
	name    string
	options []registrytest.Option
	// ask sends a request, and leaves once the Store was asked.
	ask func(t *testing.T, reg *registrytest.Registry, asked chan struct{}, method, target, body string)
}{
	{"HTTP/1.1", nil, overSocket},
	{"TLS", []registrytest.Option{registrytest.WithTLS()}, overSocket},
	{"HTTP/2", []registrytest.Option{registrytest.WithHTTP2()}, cancelled},
	{"h2c", []registrytest.Option{registrytest.WithH2C()}, cancelled},
	{"memory", []registrytest.Option{registrytest.WithInMemory()}, cancelled},
	{"memory, HTTP/2", []registrytest.Option{registrytest.WithInMemory(), registrytest.WithHTTP2()}, cancelled},
}

// contentType is that of a manifest for PUT, and that of a blob for all others.
func contentType(method string) string {
	if method == http.MethodPut {
		return ocispec.MediaTypeImageIndex
	}
	return "application/octet-stream"
}

func dial(t *testing.T, reg *registrytest.Registry) net.Conn {
	conn, err := net.Dial("tcp", reg.Host())
	require.NoError(t, err)
	if strings.HasPrefix(reg.URL(), "https:") {
		return tls.Client(conn, &tls.Config{RootCAs: reg.CertPool(), ServerName: "localhost"})
	}
	return conn
}

func overSocket(t *testing.T, reg *registrytest.Registry, asked chan struct{}, method, target, body string) {
	conn := dial(t, reg)
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, target, contentType(method), len(body), body)
	require.NoError(t, err)
	<-asked
	require.NoError(t, conn.Close())
}

func cancelled(t *testing.T, reg *registrytest.Registry, asked chan struct{}, method, target, body string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, reg.URL()+target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", contentType(method))
	go func() {
		<-asked
		cancel()
	}()
	_, err = reg.Transport().RoundTrip(r)
	require.ErrorIs(t, err, context.Canceled)
}

// ended returns the requests once a number of them have ended.
func ended(t *testing.T, reg *registrytest.Registry, n int) record.Log {
	t.Helper()
	reg.Require(t, record.Not(record.Open())).Eventually(n, time.Minute)
	return reg.Requests()
}

// TestClientLeaves: a client that leaves is no error of the server's.
func TestClientLeaves(t *testing.T) {
	requests := []string{
		"GET /v2/app/manifests/v1", "HEAD /v2/app/manifests/v1", "DELETE /v2/app/manifests/v1", indexRequest,
		"GET /v2/app/blobs/" + someDigest, "HEAD /v2/app/blobs/" + someDigest, "DELETE /v2/app/blobs/" + someDigest,
		"POST /v2/app/blobs/uploads/", "POST /v2/app/blobs/uploads/?mount=" + someDigest + "&from=other",
		"GET /v2/app/tags/list", "GET /v2/app/referrers/" + someDigest, "GET /v2/_catalog",
	}
	for _, way := range departures {
		t.Run(way.name, func(t *testing.T) {
			const rounds = 5
			var errors lockedBuffer
			store := &abandoned{Store: memstore.New(memstore.Options{}), asked: make(chan struct{})}
			reg := registrytest.New(t, append(way.options, registrytest.WithStore(store),
				registrytest.WithLogger(slog.New(slog.NewTextHandler(&errors, &slog.HandlerOptions{Level: slog.LevelInfo}))))...)
			for range rounds {
				for _, request := range requests {
					method, target, _ := strings.Cut(request, " ")
					body := ""
					if method == http.MethodPut {
						body = emptyIndex
					}
					way.ask(t, reg, store.asked, method, target, body)
				}
			}
			log := ended(t, reg, rounds*len(requests))
			for _, x := range log {
				assert.Equal(t, []any{0, true, int64(0)}, []any{x.Status, x.Left, x.ResponseBytes}, "%s %s", x.Method, x.Target)
				assert.Empty(t, x.ResponseHeader)
			}
			reg.Assert(t, record.Status("5xx")).Count(0)
			assert.Empty(t, errors.String())
		})
	}
}

// TestClientLeavesAfterCommit: what was done is on record with its status.
func TestClientLeavesAfterCommit(t *testing.T) {
	for _, way := range departures {
		t.Run(way.name, func(t *testing.T) {
			store := &abandoned{Store: memstore.New(memstore.Options{}), asked: make(chan struct{}), after: true}
			reg := registrytest.New(t, append(way.options, registrytest.WithStore(store))...)
			for range 20 {
				way.ask(t, reg, store.asked, "PUT", "/v2/app/manifests/v1", emptyIndex)
			}
			for _, x := range ended(t, reg, 20) {
				assert.Equal(t, []any{http.StatusCreated, true, int64(len(emptyIndex))}, []any{x.Status, x.Left, x.RequestBytes})
			}
		})
	}
}

// TestClosedAtOnce: clients that leave without waiting for anything. It is chance how far
// their requests come.
func TestClosedAtOnce(t *testing.T) {
	for _, way := range departures[:2] {
		t.Run(way.name, func(t *testing.T) {
			var errors lockedBuffer
			reg := registrytest.New(t, append(way.options,
				registrytest.WithLogger(slog.New(slog.NewTextHandler(&errors, &slog.HandlerOptions{Level: slog.LevelInfo}))))...)
			layer := reg.Push(t, "app:v1", images.Random(images.Layers(1), images.LayerSize(4<<20))).Layers[0].Digest
			for range 50 {
				for _, target := range []string{"manifests/v1", "blobs/" + layer.String(), "tags/list"} {
					conn := dial(t, reg)
					_, err := fmt.Fprintf(conn, "GET /v2/app/%s HTTP/1.1\r\nHost: x\r\n\r\n", target)
					require.NoError(t, err)
					require.NoError(t, conn.Close())
				}
			}
			require.NoError(t, reg.Close())
			for _, x := range reg.Requests() {
				assert.Contains(t, []int{0, http.StatusOK}, x.Status)
				assert.True(t, x.Status != 0 || x.Left || x.Cut, "%+v", x)
			}
			assert.Empty(t, errors.String())
		})
	}
}
