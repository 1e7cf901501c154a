package registrytest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

func TestRequests(t *testing.T) {
	reg := registrytest.New(t)
	app := reg.Push(t, "app:v1", images.Random())
	assert.Empty(t, reg.Requests(), "content that no client pushed")
	c := &talk{t, reg, app, app.Layers[0].Digest}
	c.ask("HEAD", "/v2/app/manifests/v1")
	c.ask("GET", "/v2/app/blobs/"+c.layer.String())
	log := reg.Requests()
	assert.Equal(t, []op.Op{op.ManifestHead, op.BlobGet}, log.Ops())
	assert.Equal(t, app.Layers[0].Size, log.BytesOut())
	assert.Equal(t, "myclient/1.2", log[0].Header.Get("User-Agent"))
	assert.Equal(t, reg.Host(), log[0].Host)
	assert.Equal(t, log[1:], reg.Requests(record.Status("200"), record.Digest(c.layer)))

	connections := reg.Connections()
	require.Len(t, connections, 1)
	assert.Equal(t, 2, connections[0].Requests)
	assert.Equal(t, connections[0].ID, log[1].Conn)

	mark := reg.Mark()
	assert.Empty(t, reg.Requests(record.Since(mark)))
	c.ask("GET", "/v2/")
	assert.Equal(t, []op.Op{op.Ping}, reg.Requests(record.Since(mark)).Ops())
	reg.Forget()
	assert.Empty(t, reg.Requests())
	require.NoError(t, reg.Close())
	assert.Empty(t, reg.Requests())
}

// TestRequestsSettled wants an answer that the client has got to be on record as
// one that has ended.
func TestRequestsSettled(t *testing.T) {
	for name, options := range map[string][]registrytest.Option{
		"HTTP/1.1": nil, "HTTP/2": {registrytest.WithHTTP2()}, "in memory": {registrytest.WithInMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := registrytest.New(t, options...)
			app := reg.Push(t, "app:v1", images.Random(images.Layers(1), images.LayerSize(3<<20)))
			c := &talk{t, reg, app, app.Layers[0].Digest}
			for range 20 {
				mark := reg.Mark()
				c.ask("GET", "/v2/app/blobs/"+c.layer.String())
				reg.Require(t, record.Since(mark), record.Open()).Count(0)
			}
		})
	}
}

// TestRequestsStalled has a client that does not read what it asked for.
func TestRequestsStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithInMemory())
		app := reg.Push(t, "app:v1", images.Random(images.Layers(1), images.LayerSize(32<<20)))
		response, err := reg.Client().Get(reg.URL() + "/v2/app/blobs/" + app.Layers[0].Digest.String())
		require.NoError(t, err)
		defer response.Body.Close()
		begin := time.Now()
		log := reg.Requests()
		assert.LessOrEqual(t, time.Since(begin), 5*time.Second)
		require.Len(t, log, 1)
		assert.True(t, log[0].Open)
		assert.Equal(t, 200, log[0].Status)
		assert.Less(t, log[0].ResponseBytes, app.Layers[0].Size)
		n, err := io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		assert.Equal(t, app.Layers[0].Size, n)
		reg.Assert(t, record.Open()).Count(0)
		reg.Assert(t, record.Left()).Count(0)
	})
}

// slow is a store that takes its time to let a blob go.
type slow struct{ registry.Store }

type slowBlob struct{ registry.Blob }

func (s slow) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	b, err := s.Store.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	return slowBlob{b}, nil
}

func (b slowBlob) Close() error {
	time.Sleep(time.Second / 2)
	return b.Blob.Close()
}

// TestRequestsLeft wants the end of an answer whose client has left.
func TestRequestsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithStore(slow{memstore.New(memstore.Options{})}))
		app := reg.Push(t, "app:v1", images.Random(images.Layers(1), images.LayerSize(32<<20)))
		response, err := reg.Client().Get(reg.URL() + "/v2/app/blobs/" + app.Layers[0].Digest.String())
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		synctest.Wait()
		log := reg.Requests()
		require.Len(t, log, 1)
		assert.True(t, log[0].Left)
		assert.False(t, log[0].Open)
	})
}

// TestRequestsParallel asks questions while many clients are at work.
func TestRequestsParallel(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithLogger(slog.New(slog.DiscardHandler)))
	var clients sync.WaitGroup
	for n := range 200 {
		clients.Go(func() {
			for range 3 {
				response, err := reg.Client().Get(fmt.Sprintf("%s/v2/app%d/tags/list", reg.URL(), n))
				if assert.NoError(t, err) {
					assert.NoError(t, response.Body.Close())
				}
			}
		})
	}
	for n := 1; n <= 600; n *= 2 {
		reg.Require(t, record.Code("NAME_UNKNOWN")).Eventually(n, time.Minute)
		reg.Assert(t).All(record.Op(op.TagList))
		reg.Assert(t, record.Repo("app7")).AtMost(3)
	}
	clients.Wait()
	reg.Assert(t, record.Repo("app7")).Count(3)
	for i, x := range reg.Requests() {
		require.Equal(t, uint64(i+1), x.Seq)
	}
	reg.Assert(t).Count(600)
}

func TestWithRecording(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithRecording(registrytest.Recording{KeepSecrets: true, MaxBody: 10}))
	(&talk{t: t, reg: reg}).ask("GET", "/v2/app/manifests/v1", "Authorization", "Bearer abc")
	log := reg.Requests()
	require.Len(t, log, 1)
	assert.Equal(t, "Bearer abc", log[0].Header.Get("Authorization"))
	assert.Len(t, log[0].ResponseBody, 10)
}
