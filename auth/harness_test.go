package auth_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/testmain"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

func TestMain(m *testing.M) { testmain.Run(m) }

// fixture is a registry with auth in front of it, and the same without.
type fixture struct {
	t       testing.TB
	service *auth.Service
	store   *memstore.Store
	handler http.Handler
	open    http.Handler
}

func newFixture(t testing.TB, options auth.Options) *fixture {
	t.Helper()
	return newFixtureOn(t, options, memstore.New(memstore.Options{}))
}

func newFixtureOn(t testing.TB, options auth.Options, store *memstore.Store) *fixture {
	t.Helper()
	service, err := auth.New(options)
	require.NoError(t, err)
	reg := registry.New(store, registry.Options{Allow: auth.Allow})
	return &fixture{t, service, store, auth.Handler(service, reg), reg}
}

// answer is what a request was answered with.
type answer struct {
	Status    int
	Code      string // the specification's, of the first error
	Challenge []string
	Header    http.Header
	Body      string
}

// who puts credentials on a request.
type who func(*http.Request)

func anonymous(*http.Request) {}

func basic(user, password string) who {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func bearer(token string) who { return authorization("Bearer " + token) }

func authorization(values ...string) who {
	return func(r *http.Request) { r.Header["Authorization"] = values }
}

// certificate is what a request looks like once TLS has verified a certificate.
func certificate(name string) who {
	return func(r *http.Request) {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	}
}

// do sends a request; header lists names and values in turn.
func (f *fixture) do(as who, method, target, body string, header ...string) answer {
	f.t.Helper()
	return send(f.t, f.handler, as, method, target, body, header...)
}

func (f *fixture) get(as who, target string) answer {
	f.t.Helper()
	return f.do(as, http.MethodGet, target, "")
}

func send(t testing.TB, handler http.Handler, as who, method, target, body string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	as(r)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	a := answer{Status: w.Code, Challenge: w.Header()["Www-Authenticate"], Header: w.Header(), Body: w.Body.String()}
	var envelope struct{ Errors []struct{ Code string } }
	if json.Unmarshal(w.Body.Bytes(), &envelope) == nil && len(envelope.Errors) > 0 {
		a.Code = envelope.Errors[0].Code
	}
	return a
}

// tokenAnswer is the body of an answer with a token.
type tokenAnswer struct {
	Token        string `json:"token"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    *int   `json:"expires_in"`
	IssuedAt     string `json:"issued_at"`
	Scope        string `json:"scope"`
}

func (a answer) token(t testing.TB) tokenAnswer {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	var got tokenAnswer
	decoder := json.NewDecoder(strings.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&got), a.Body)
	_, err := decoder.Token()
	require.Equal(t, io.EOF, err)
	return got
}

// askToken asks for a token with GET.
func (f *fixture) askToken(as who, scopes ...string) answer {
	f.t.Helper()
	return f.get(as, "/v2/token?"+url.Values{"service": {"ocifake"}, "scope": scopes}.Encode())
}

// token gets a token.
func (f *fixture) token(as who, scopes ...string) string {
	f.t.Helper()
	return f.askToken(as, scopes...).token(f.t).Token
}

// content is what is in a repository.
type content struct {
	repo     string
	blob     digest.Digest
	manifest digest.Digest
}

// push pushes an image under v1, past auth.
func (f *fixture) push(repo string) content {
	f.t.Helper()
	layer := f.pushBlob(repo, "layer of "+repo)
	config := f.pushBlob(repo, "{}")
	raw := image(f.t, config, layer, len("layer of "+repo))
	a := send(f.t, f.open, anonymous, http.MethodPut, "/v2/"+repo+"/manifests/v1", raw, "Content-Type", ocispec.MediaTypeImageManifest)
	require.Equal(f.t, http.StatusCreated, a.Status, a.Body)
	return content{repo, layer, digest.FromString(raw)}
}

func (f *fixture) pushBlob(repo, text string) digest.Digest {
	f.t.Helper()
	d := digest.FromString(text)
	a := send(f.t, f.open, anonymous, http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+string(d), text)
	require.Equal(f.t, http.StatusCreated, a.Status, a.Body)
	return d
}

func image(t testing.TB, config, layer digest.Digest, size int) string {
	t.Helper()
	return encoded(t, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: config, Size: 2},
		Layers:    []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayer, Digest: layer, Size: int64(size)}},
	})
}

func encoded(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return string(raw)
}

// session opens an upload session, past auth, and returns its location.
func (f *fixture) session(repo string) string {
	f.t.Helper()
	a := send(f.t, f.open, anonymous, http.MethodPost, "/v2/"+repo+"/blobs/uploads/", "")
	require.Equal(f.t, http.StatusAccepted, a.Status, a.Body)
	return a.Header.Get("Location")
}
