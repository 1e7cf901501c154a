package server

import (
	"cmp"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
)

// TestControl comes before the record, the faults and auth, on the main origin
// only.
func TestControl(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		rec, engine := recorder.New(recorder.Options{}), engine.New(nil)
		access, err := auth.New(auth.Options{Users: map[string]string{"a": "b"}})
		require.NoError(t, err)
		config := Config{
			Options:       w.options,
			Recorder:      rec,
			Faults:        engine,
			Authenticator: access,
			Registry:      http.NotFoundHandler(),
			Control: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "control of "+r.URL.Path)
			}),
		}
		if w.memory {
			config.Network = new(Network)
		}
		s := start(t, config)
		require.NoError(t, engine.Add(faults.On().BeforeAuth().Do(faults.Status(http.StatusTeapot))))
		url := cmp.Or(w.url, s.URL())
		for _, test := range []struct {
			path    string
			control bool
		}{
			{"/_ocifake", true},
			{"/_ocifake/", true},
			{"/_ocifake/v1/requests?filter=a", true},
			{"/_ocifake%2fv1", true},
			{"/_ocifakes", false},
			{"/_ocifak", false},
			{"/v2/_ocifake/", false},
			{"//_ocifake/", false},
			{"/v2/../_ocifake/", false},
		} {
			mark := rec.Mark()
			response, content := do(t, s, "GET", url+test.path, nil)
			if test.control {
				assert.Equal(t, http.StatusOK, response.StatusCode, test.path)
				assert.Contains(t, string(content), "control of /_ocifake")
				assert.Equal(t, mark, rec.Mark(), "%s is not recorded", test.path)
				continue
			}
			assert.Equal(t, http.StatusTeapot, response.StatusCode, test.path)
			assert.Equal(t, mark+1, rec.Mark(), test.path)
		}
		external, err := s.External()
		require.NoError(t, err)
		response, _ := do(t, s, "GET", s.scheme()+external+"/_ocifake/", nil)
		assert.Equal(t, http.StatusTeapot, response.StatusCode, "the second origin has none")
	})
}

// TestCloseEndsControl: what is streamed ends with the server.
func TestCloseEndsControl(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		ended := make(chan struct{})
		config := Config{Options: w.options, Control: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			io.WriteString(w, "event")
			assert.NoError(t, http.NewResponseController(w).Flush())
			<-r.Context().Done()
		})}
		if w.memory {
			config.Network = new(Network)
		}
		s := start(t, config)
		url := cmp.Or(w.url, s.URL())
		response, err := s.Transport().RoundTrip(httpGet(t, url+"/_ocifake/events"))
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.ReadFull(response.Body, make([]byte, len("event")))
		require.NoError(t, err)
		require.NoError(t, s.Close())
		<-ended
		_, err = io.ReadAll(response.Body)
		assert.Error(t, err)
	})
}
