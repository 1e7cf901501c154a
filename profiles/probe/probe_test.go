package probe_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/profiles/probe"
	"github.com/ocifake/ocifake/registrytest"
)

// login sends a password with each request.
type login struct {
	http.RoundTripper
	credentials registrytest.Credentials
}

func (l login) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(l.credentials.Username, l.credentials.Password)
	return l.RoundTripper.RoundTrip(r)
}

func measure(t *testing.T, reg *registrytest.Registry) map[string]string {
	client := reg.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if reg.AuthService() != nil {
		client.Transport = login{client.Transport, reg.Login(t, "probe")}
	}
	facts, _, err := probe.Run(t.Context(), probe.Target{URL: reg.URL(), Client: client})
	require.NoError(t, err)
	values := map[string]string{}
	for _, f := range facts {
		values[f.Trait] = string(f.Value)
	}
	return values
}

// The strict registry has the strict value of every trait.
func TestStrict(t *testing.T) {
	values := measure(t, registrytest.New(t, registrytest.WithRecording(registrytest.Recording{MaxBytes: -1})))
	for _, trait := range profiles.Traits() {
		if value, ok := values[trait.Name]; ok {
			assert.Equal(t, trait.Strict, value, trait.Name)
			delete(values, trait.Name)
		}
	}
	assert.Empty(t, values, "values of traits that do not exist")
}

// Each fact of each profile that a probe measures is what the probe measures on the profile.
func TestProfiles(t *testing.T) {
	basic := auth.Options{Rules: []auth.Rule{{}}, Token: &auth.TokenOptions{AllowBasic: true}}
	for _, name := range profiles.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := profiles.Find(name)
			require.NoError(t, err)
			settings, err := p.Settings()
			require.NoError(t, err)
			options := []registrytest.Option{registrytest.WithProfile(name), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1})}
			if settings.Auth != nil {
				options = append(options, registrytest.WithAuth(basic))
			}
			values := measure(t, registrytest.New(t, options...))
			facts, err := p.AllFacts()
			require.NoError(t, err)
			applied := map[string]string{}
			for _, f := range facts {
				if f.Off == "" {
					applied[f.Trait] = string(f.Value)
				}
			}
			for _, trait := range profiles.Traits() {
				measured, ok := values[trait.Name]
				if !ok {
					continue
				}
				want := trait.Strict
				if value, ok := applied[trait.Name]; ok {
					want = value
				}
				assert.Equal(t, want, measured, trait.Name)
			}
		})
	}
}
