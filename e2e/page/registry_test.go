package page

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/worldstore"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
	"github.com/stretchr/testify/require"
)

// served is a registry with its page.
type served struct {
	url, host string
	client    *http.Client
	store     *memstore.Store
	faults    *engine.Engine
	recorder  *recorder.Recorder
	api       *control.API
	close     func()
}

// serve starts a registry; address is that of one before it, or empty. With a token
// only those who have it may see the page.
func serve(t *testing.T, address, token string) *served {
	t.Helper()
	return serveWith(t, server.Options{Addr: address}, token, nil)
}

// serveWith starts a registry that lets in whom access does, or everybody.
func serveWith(t *testing.T, options server.Options, token string, access *auth.Service) *served {
	t.Helper()
	r := &served{store: memstore.New(memstore.Options{}), recorder: recorder.New(recorder.Options{})}
	r.faults = engine.New(r.store)
	log := slog.New(slog.DiscardHandler)
	var s *server.Server
	backend := func(p *profiles.Profile) (b server.Backend, use control.Use, err error) {
		var settings profiles.Settings
		if p != nil {
			if settings, err = p.Settings(); err != nil {
				return b, use, err
			}
		}
		settings.Registry.Log, settings.Registry.Allow = log, auth.Allow
		b = server.Backend{Registry: registry.New(r.faults.Store(), settings.Registry), Rules: settings.Rules}
		if access != nil {
			b.Authenticator = access
		}
		return b, control.Use{Profile: p, Auth: access}, nil
	}
	b, use, err := backend(nil)
	require.NoError(t, err)
	r.api = control.New(control.Config{
		ReadRules: config.Rules, ReadProfile: config.ReadProfile, Use: use,
		Store: worldstore.NewStore(r.store), Recorder: r.recorder, Faults: r.faults, Token: token, Version: "test", Log: log,
		Switch: func(p *profiles.Profile) (control.Use, error) {
			b, use, err := backend(p)
			if err == nil {
				err = s.Use(b)
			}
			return use, err
		},
	})
	s, err = server.Start(server.Config{
		Options: options, Registry: b.Registry, Authenticator: b.Authenticator,
		Faults: r.faults, Recorder: r.recorder, Control: r.api, Log: log,
	})
	require.NoError(t, err)
	r.api.Open(s.URL())
	r.url, r.host, r.client = s.URL(), s.Host(), &http.Client{Transport: s.Transport()}
	closed := false
	r.close = func() {
		if !closed {
			closed = true
			r.api.Close()
			require.NoError(t, s.Close())
		}
	}
	t.Cleanup(r.close)
	return r
}

// page is the URL of a place of the page: "#/faults".
func (r *served) page(place string) string { return r.url + "/_ocifake/" + place }

// ref is a reference to what is, or will be, in the registry.
func (r *served) ref(t *testing.T, ref string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(r.host + "/" + ref)
	require.NoError(t, err)
	return parsed
}

func (r *served) push(t *testing.T, ref string, image v1.Image) {
	t.Helper()
	require.NoError(t, remote.Write(r.ref(t, ref), image))
}

// pull fetches an image with all its layers, as a client without any patience.
func (r *served) pull(t *testing.T, ref string) error {
	t.Helper()
	image, err := remote.Image(r.ref(t, ref), remote.WithRetryStatusCodes(), remote.WithJobs(1))
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	require.NoError(t, err)
	for _, layer := range layers {
		body, err := layer.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// send makes one request, and returns its status; fields are "Name: value".
func (r *served) send(t *testing.T, method, path, body string, fields ...string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		request.Header.Add(name, value)
	}
	response, err := r.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

// inject adds rules, as they are written in files.
func (r *served) inject(t *testing.T, text string) {
	t.Helper()
	rules, err := config.Rules([]byte(text))
	require.NoError(t, err)
	require.NoError(t, r.faults.Add(rules...))
}

// token gets a token of the registry for a user.
func (r *served) token(t *testing.T, user, password string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/v2/token", nil)
	require.NoError(t, err)
	request.SetBasicAuth(user, password)
	response, err := r.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var answer struct{ Token string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer.Token
}
