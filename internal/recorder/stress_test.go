package recorder_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// TestHundredsOfClients come and go while the record is read, and nothing is
// lost or seen twice.
func TestHundredsOfClients(t *testing.T) {
	const clients = 200
	requests := 1
	if thorough.Enabled() {
		requests = 10
	}
	for name, options := range map[string]server.Options{"HTTP/1.1": {}, "h2c": {H2C: true}} {
		t.Run(name, func(t *testing.T) {
			rec := recorder.New(recorder.Options{})
			s := start(t, server.Config{
				Options:  options,
				Network:  new(server.Network),
				Registry: registry.New(memstore.New(memstore.Options{}), registry.Options{}),
				Recorder: rec,
			})
			var busy, readers sync.WaitGroup
			for i := range clients {
				busy.Go(func() { pushBlobs(t, s, fmt.Sprint("repo", i), requests) })
			}
			ctx, cancel := context.WithCancel(t.Context())
			for range 4 {
				readers.Go(func() {
					for ctx.Err() == nil {
						checkLog(t, rec.Log())
						rec.Connections()
						rec.Mark()
						rec.Dropped()
					}
				})
			}
			total := clients * requests
			err := rec.Wait(ctx, func(log record.Log) bool { return log.Count(record.Not(record.Open())) == total })
			require.NoError(t, err)
			busy.Wait()
			cancel()
			readers.Wait()
			log := rec.Log()
			checkLog(t, log)
			require.Len(t, log, total)
			for i := range clients {
				one := log.Filter(record.Repo(fmt.Sprint("repo", i)))
				require.Len(t, one, requests)
				for _, x := range one {
					require.Equal(t, http.StatusCreated, x.Status)
					require.Equal(t, x.Info.Digest, x.Verified)
					require.Equal(t, one[0].Subject, x.Subject)
				}
			}
		})
	}
}

func pushBlobs(t *testing.T, s *server.Server, repo string, n int) {
	for i := range n {
		body := fmt.Sprint(repo, i)
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"/v2/"+repo+"/blobs/uploads/?digest="+digest.FromString(body).String(), strings.NewReader(body))
		if !assert.NoError(t, err) {
			return
		}
		r.SetBasicAuth(repo, "s3cret")
		response, err := s.Transport().RoundTrip(r)
		if !assert.NoError(t, err) {
			return
		}
		_, err = io.Copy(io.Discard, response.Body)
		assert.NoError(t, err)
		assert.NoError(t, response.Body.Close())
	}
}

// checkLog checks what must hold at any moment.
func checkLog(t *testing.T, log record.Log) {
	for i, x := range log {
		if x.Seq != uint64(i+1) || !x.Open && x.Status == 0 || x.Repo != x.Subject || i > 0 && x.Start.Before(log[i-1].Start) {
			assert.Fail(t, "inconsistent", "%d %+v", i, x)
			return
		}
	}
}

// TestConcurrentLimits drops and clears exchanges while others read them.
func TestConcurrentLimits(t *testing.T) {
	rec := recorder.New(recorder.Options{MaxBytes: 20_000})
	handler := rec.Wrap(http.NotFoundHandler())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				handler.ServeHTTP(httptest.NewRecorder(), request("GET", fmt.Sprint("/v2/app/manifests/v", i), ""))
			}
		})
		all.Go(func() {
			for i := range 50 {
				for _, x := range rec.Log() {
					if x.Op != op.ManifestGet {
						assert.Fail(t, "inconsistent", "%+v", x)
						return
					}
				}
				if i%10 == 0 {
					rec.Clear()
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, record.Mark(8*500), rec.Mark())
}
