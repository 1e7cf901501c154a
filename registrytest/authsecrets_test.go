package registrytest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// witness is a transport that notes the secrets that pass it, and the errors that
// come back.
type witness struct {
	http.RoundTripper
	mu      sync.Mutex
	secrets map[string]string // to what it is
	errors  bytes.Buffer      // all bytes of answers that are no token
}

func (w *witness) note(what, secret string) {
	if _, noted := w.secrets[secret]; !noted && len(secret) > 5 {
		w.secrets[secret] = what
	}
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	_, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	w.note("an Authorization header", credentials)
	var got map[string]any
	if response.StatusCode == 200 && strings.HasSuffix(r.URL.Path, "/token") && json.Unmarshal(body, &got) == nil {
		for _, name := range []string{"token", "access_token", "refresh_token"} {
			text, _ := got[name].(string)
			w.note("a "+name, text)
			_, signature, _ := strings.Cut(strings.TrimPrefix(text, "eyJ"), ".")
			_, signature, _ = strings.Cut(signature, ".")
			w.note("a signature", signature)
		}
		return response, nil
	}
	fmt.Fprintln(&w.errors, response.Status, response.Header)
	w.errors.Write(body)
	return response, nil
}

// lockedBuffer is what a log is written into.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNoSecretIsKept pushes, pulls and fails in all ways, and looks for passwords
// and tokens in all that the registry has to say of it.
func TestNoSecretIsKept(t *testing.T) {
	for name, options := range ways() {
		t.Run(name, func(t *testing.T) {
			places, secrets := useAndTell(t, options, false)
			for place, text := range places {
				require.NotEmpty(t, text, place)
				for secret, what := range secrets {
					assert.NotContains(t, text, secret, "%s is in %s", what, place)
					assert.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte(secret)), "%s is in %s", what, place)
				}
			}
		})
	}
}

// Where secrets are kept on purpose, the search of the test above finds them.
func TestSecretsAreKeptOnRequest(t *testing.T) {
	places, secrets := useAndTell(t, ways()["JWT"], true)
	for _, place := range []string{"HAR", "JSONL", "record"} {
		found := map[string]bool{}
		for secret, what := range secrets {
			found[what] = found[what] || strings.Contains(places[place], secret)
		}
		assert.Equal(t, map[string]bool{"a token": true, "a refresh_token": true, "a signature": true,
			"an Authorization header": true, "a password": true, "a wrong password": true}, found, place)
	}
}

// useAndTell uses a registry, and returns all that it says of it, and the secrets that
// were used.
func useAndTell(t *testing.T, options auth.Options, keep bool) (places map[string]string, secrets map[string]string) {
	const password, guess = "correct-horse", "battery-staple"
	options.Users = map[string]string{"alice": password}
	var log lockedBuffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := must(registrytest.Start(registrytest.WithAuth(options), registrytest.WithLogger(logger), registrytest.WithRecording(registrytest.Recording{KeepSecrets: keep})))
	defer reg.Close()
	w := &witness{RoundTripper: reg.Transport(), secrets: map[string]string{password: "a password", guess: "a wrong password"}}
	login := reg.Login(t, "alice")
	w.secrets[login.Password] = "a password"

	ref, _ := remoteRef(t, reg, "app:v1")
	through := remote.WithTransport(w)
	image := images.Random(images.Layers(1))
	require.NoError(t, remote.Write(ref, image, through, as(login)))
	_, err := remote.Image(ref, through, remote.WithAuth(&authn.Basic{Username: "alice", Password: password}))
	require.NoError(t, err)
	reg.Inject(t, faults.On(op.ManifestGet).Optional().Do(faults.Status(http.StatusForbidden)))
	_, failure := remote.Image(ref, through, as(login))
	require.Error(t, failure)
	_, wrong := remote.Image(ref, through, as(registrytest.Credentials{Username: "alice", Password: guess}))
	require.Error(t, wrong)
	w.misuse(t, reg.URL(), password, guess)
	require.NoError(t, reg.Close())

	requests := reg.Requests()
	var har, jsonl bytes.Buffer
	require.NoError(t, requests.WriteHAR(&har))
	require.NoError(t, requests.WriteJSONL(&jsonl))
	return map[string]string{
		"log":        log.String(),
		"journal":    requests.Journal(),
		"transcript": requests.Transcript(),
		"HAR":        har.String(),
		"JSONL":      jsonl.String(),
		"record":     fmt.Sprintf("%+v", []record.Exchange(requests)) + bodies(requests),
		"answers":    w.errors.String(),
		"errors":     fmt.Sprint(failure, wrong),
		"assertions": failedAssertions(reg),
	}, w.secrets
}

func bodies(log record.Log) string {
	var text strings.Builder
	for _, x := range log {
		text.Write(x.RequestBody)
		text.Write(x.ResponseBody)
	}
	return text.String()
}

// failedAssertions is what failed assertions say.
func failedAssertions(reg *registrytest.Registry) string {
	ran := runTest(func(t testing.TB) {
		reg.Assert(t).Count(0)
		reg.Assert(t).CredentialsOnlyTo("other.example")
	})
	return strings.Join(ran.failures, "\n")
}

// misuse sends credentials in all the wrong ways.
func (w *witness) misuse(t *testing.T, base, password, guess string) {
	t.Helper()
	c := client{t, &http.Client{Transport: w}, base, "alice", password}
	login := basicOf("alice", password)
	form := func(fields ...string) {
		values := url.Values{"service": {"ocifake"}, "client_id": {"test"}}
		for i := 0; i < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		response, err := c.http.PostForm(base+"/v2/token", values)
		require.NoError(t, err)
		response.Body.Close()
	}
	form("grant_type", "password", "username", "alice", "password", password, "access_type", "offline")
	form("grant_type", "password", "username", "alice", "password", guess)
	form("grant_type", "refresh_token", "refresh_token", "made-up-"+guess)
	form("grant_type", "mystery", "username", "alice", "password", password)
	for secret, what := range maps.Clone(w.secrets) {
		if what == "a refresh_token" {
			form("grant_type", "refresh_token", "refresh_token", secret)
		}
	}
	for _, header := range []string{"Basic " + login, "Bearer " + login, "Bearer " + guess + ".x.y", "Basic " + password, "basic  " + basicOf("alice", guess)} {
		for _, target := range []string{"/v2/", "/v2/app/manifests/none", "/v2/token", "/v2/_catalog"} {
			c.ask("GET", target, "Authorization", header)
		}
	}
	c.ask("GET", "/v2/", "Authorization", "Basic "+login, "Authorization", "Bearer "+guess)
	c.ask("GET", "/v2/app/tags/list?access_token="+guess+"&password="+password)
	c.ask("POST", "/v2/app/blobs/uploads/", "Authorization", "Bearer "+guess, "Cookie", "session="+guess)
}
