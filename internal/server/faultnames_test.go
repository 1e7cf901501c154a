package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// TestFaultNames: names are read before what records, and only if that is wanted.
func TestFaultNames(t *testing.T) {
	for name, on := range map[string]bool{"on": true, "off": false} {
		t.Run(name, func(t *testing.T) {
			store, rec := memstore.New(memstore.Options{}), recorder.New(recorder.Options{})
			engine := engine.New(store)
			s, err := server.Start(server.Config{
				Options: server.Options{FaultNames: on}, Faults: engine, Recorder: rec,
				Registry: registry.New(engine.Store(), registry.Options{}), Network: new(server.Network),
			})
			require.NoError(t, err)
			defer s.Close()
			client := http.Client{Transport: s.Transport()}
			response, err := client.Get(s.URL() + "/v2/fault/status-418/app/tags/list")
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			log := rec.Log(record.Repo("app"))
			if !on {
				assert.Equal(t, http.StatusNotFound, response.StatusCode)
				assert.Empty(t, log)
				return
			}
			assert.Equal(t, http.StatusTeapot, response.StatusCode)
			require.Len(t, log, 1)
			assert.Equal(t, []string{"fault/status-418/app"}, log[0].Faults)
		})
	}
	_, err := server.Start(server.Config{Options: server.Options{FaultNames: true}, Registry: http.NotFoundHandler(), Network: new(server.Network)})
	assert.EqualError(t, err, "server: faults by names of repositories need an engine of faults")
}
