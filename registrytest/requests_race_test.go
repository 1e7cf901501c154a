package registrytest_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestRequestsDuringMounts reads the record of mounts while they are served, for the
// race detector.
func TestRequestsDuringMounts(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	d := digest.SHA512.FromString("content")
	var readers, clients sync.WaitGroup
	done := make(chan struct{})
	read := func(look func()) {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					look()
				}
			}
		})
	}
	read(func() { reg.Requests(record.Op(op.BlobMount), record.Subject("")) })
	read(func() { reg.Assert(t, record.Op(op.BlobMount)).AtMost(150) })
	read(func() { _ = reg.Requests().Journal() })
	for range 3 {
		clients.Go(func() {
			for range 50 {
				answer, err := reg.Client().Post(reg.URL()+"/v2/app/blobs/uploads/?mount="+d.String()+"&from=other", "", nil)
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusAccepted, answer.StatusCode)
					assert.NoError(t, answer.Body.Close())
				}
			}
		})
	}
	clients.Wait()
	close(done)
	readers.Wait()
	reg.Assert(t, record.Op(op.BlobMount)).Count(150)
	assert.Empty(t, reg.Requests()[0].Algorithm, "none was announced")
}
