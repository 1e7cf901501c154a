package registrytest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

const shared = "s3cret p%ssword"

// withLogin returns a registry with a token service.
func withLogin(t testing.TB, options ...registrytest.Option) *registrytest.Registry {
	return registrytest.New(t, append(options, registrytest.WithAuth(auth.Options{
		Users: map[string]string{"alice": shared}, Token: &auth.TokenOptions{Opaque: true},
	}))...)
}

// logIn gets a token by Basic and one by a form, and uses them, the latter as a password, too.
func logIn(t testing.TB, client *http.Client, base string) {
	t.Helper()
	send := func(r *http.Request, err error) (token string) {
		t.Helper()
		require.NoError(t, err)
		response, err := client.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		var answer struct{ Token string }
		_ = json.Unmarshal(body, &answer) // not all answers have a token
		return answer.Token
	}
	get := func(target, scheme, user, secret string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+target, nil)
		if scheme == "Basic" {
			r.SetBasicAuth(user, secret)
		} else {
			r.Header.Set("Authorization", scheme+" "+secret)
		}
		return send(r, err)
	}
	first := get(op.TokenPath+"?service=ocifake", "Basic", "alice", shared)
	require.NotEmpty(t, first)
	get("/v2/", "Bearer", "", first)
	form := url.Values{"grant_type": {"password"}, "service": {"ocifake"}, "client_id": {"x"}, "username": {"alice"}, "password": {shared}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+op.TokenPath, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	second := send(r, nil)
	require.NotEmpty(t, second)
	get("/v2/?access_token="+url.QueryEscape(first), "bearer", "", second)
	get("/v2/", "Basic", "any", second)
}

// TestFingerprintsOfARun: a secret has one fingerprint in requests and answers, and in all outputs.
func TestFingerprintsOfARun(t *testing.T) {
	reg := withLogin(t)
	logIn(t, reg.Client(), reg.URL())
	log := reg.Requests()
	require.Len(t, log, 5)

	password := log[0].RequestSecrets()
	require.Len(t, password, 1)
	assert.Equal(t, "password", password[0].Kind)
	assert.Equal(t, password, log[2].RequestSecrets(), "Basic and a form")
	first, second := log[0].ResponseSecrets(), log[2].ResponseSecrets()
	require.Len(t, first, 1, "token and access_token are the same")
	require.Len(t, second, 1)
	assert.Equal(t, "token", first[0].Kind)
	assert.Equal(t, first, log[1].RequestSecrets())
	assert.Equal(t, append(second, first...), log[3].RequestSecrets())
	assert.Equal(t, []record.Secret{{Kind: "password", Fingerprint: second[0].Fingerprint}}, log[4].RequestSecrets(), "a token as a password")
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, first[0].Fingerprint, password[0].Fingerprint)

	var lines, archive bytes.Buffer
	require.NoError(t, log.WriteJSONL(&lines))
	require.NoError(t, log.WriteHAR(&archive))
	for _, text := range []string{lines.String(), archive.String()} {
		assert.Subset(t, record.Secrets(text), []record.Secret{password[0], first[0], second[0]})
	}
	for _, text := range []string{log.Journal(), log.Transcript()} {
		assert.Empty(t, record.Secrets(text))
	}

	other := withLogin(t)
	logIn(t, other.Client(), other.URL())
	assert.NotEqual(t, password, other.Requests()[0].RequestSecrets(), "another recorder has another key")
	assert.Equal(t, log.Transcript(), other.Requests().Transcript())
}

// TestFingerprintsOnANetwork: the registries on a network agree.
func TestFingerprintsOnANetwork(t *testing.T) {
	network := registrytest.NewNetwork()
	var all [][]record.Secret
	for _, host := range []string{"a.example", "b.example"} {
		reg := withLogin(t, registrytest.WithNetwork(network, host))
		logIn(t, &http.Client{Transport: network.Transport()}, "http://"+host)
		all = append(all, reg.Requests()[0].RequestSecrets())
	}
	require.Len(t, all[0], 1)
	assert.Equal(t, all[0], all[1])
}
