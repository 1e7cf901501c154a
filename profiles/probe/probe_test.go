package probe_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/profiles/probe"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

func measure(t *testing.T, reg *registrytest.Registry) map[string]string {
	client := reg.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	target := probe.Target{URL: reg.URL(), Client: client}
	if reg.AuthService() != nil {
		login := reg.Login(t, "probe")
		target.Username, target.Password = login.Username, login.Password
	}
	facts, _, err := probe.Run(t.Context(), target)
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
	for _, name := range profiles.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := profiles.Find(name)
			require.NoError(t, err)
			values := measure(t, registrytest.New(t, registrytest.WithInMemory(), registrytest.WithProfile(name), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1})))
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

// A challenge on an answer that is no refusal is kept, unless it leads clients to a host.
func TestPingChallenge(t *testing.T) {
	for challenge, kept := range map[string]bool{
		`Basic realm="zot"`: true,
		`Bearer realm="https://auth.example/token",service="r"`:                  false,
		`Basic realm="zot", Bearer realm="HTTPS://auth.example/token",service=r`: false,
	} {
		reg := registrytest.New(t, registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
		reg.Inject(t, faults.On(op.Ping).Do(faults.SetHeader("WWW-Authenticate", challenge)))
		facts, _, err := probe.Run(t.Context(), probe.Target{URL: reg.URL(), Client: reg.Client()})
		require.NoError(t, err)
		for _, f := range facts {
			if f.Trait != "ping.body" {
				continue
			}
			var got []string
			for _, a := range f.Also {
				got = append(got, a.Header["WWW-Authenticate"]...)
			}
			assert.Equal(t, kept, slices.Equal(got, []string{challenge}), "%q of %q", got, challenge)
			assert.Equal(t, kept, len(got) > 0)
		}
	}
}

// interrupting cancels a context at a request.
type interrupting struct {
	http.RoundTripper
	left   int
	cancel context.CancelFunc
}

func (i *interrupting) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.left--; i.left == 0 {
		i.cancel()
	}
	return i.RoundTripper.RoundTrip(r)
}

// A probe that is interrupted deletes what it pushed, and lists what it cannot delete.
func TestInterrupted(t *testing.T) {
	for name, facts := range map[string][]profiles.Fact{
		"deletes": nil,
		"keeps":   {{Trait: "blob.delete", Value: "405 UNSUPPORTED"}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, registrytest.WithCustomProfile(&profiles.Profile{Name: name, Facts: facts}))
			ctx, cancel := context.WithCancel(t.Context())
			client := reg.Client()
			client.Transport = &interrupting{client.Transport, 100, cancel}
			_, leftovers, err := probe.Run(ctx, probe.Target{URL: reg.URL(), Client: client, Repository: "probe"})
			require.ErrorIs(t, err, context.Canceled)
			pushed := reg.Requests().Count(record.Status("201"), record.Op(op.UploadCommit, op.BlobPost, op.ManifestPut))
			require.Positive(t, pushed)
			assert.Equal(t, len(leftovers) > 0, facts != nil, "%q", leftovers)
			for _, path := range leftovers {
				assert.Contains(t, path, "/v2/probe")
			}
			if facts == nil {
				deleted := reg.Requests().Count(record.Status("202"), record.Op(op.BlobDelete, op.ManifestDelete))
				assert.Equal(t, pushed, deleted)
			}
		})
	}
}
