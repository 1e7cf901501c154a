package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/upstream"
	"github.com/ocifake/ocifake/op"
)

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://Registry.example":   "https://registry.example",
		"http://127.0.0.1:5000/":     "http://127.0.0.1:5000",
		"https://docker.io":          "https://registry-1.docker.io",
		"https://index.docker.io/":   "https://registry-1.docker.io",
		"https://[2001:db8::1]:5000": "https://[2001:db8::1]:5000",
	} {
		u, err := upstream.ParseURL(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, u.String())
	}
	for text, want := range map[string]string{
		"registry.example":             "want https://HOST",
		"ftp://registry.example":       "want https://HOST",
		"https://":                     "want https://HOST",
		"https://:5000":                "want https://HOST",
		"https://a:b@registry.example": "contains a user",
		"https://registry.example/a":   "contains a path",
		"https://registry.example/?a":  "contains a path, a query",
		"https://registry.example:x":   "cannot be parsed",
		"https://ci:hunter2@a b":       "cannot be parsed",
	} {
		_, err := upstream.ParseURL(text)
		assert.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

// Requests and answers pass as they are.
func TestForward(t *testing.T) {
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "HTTP/2.0", r.Proto)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Request", fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header.Get("Accept-Encoding"), " ", r.Header.Get("Authorization"), " ", r.Header.Get("Forwarded"), r.Header.Get("X-Forwarded-Host")))
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Alt-Svc", `h3=":443"`)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "not really gzip: %s", body)
	})
	f := inFront(t, up, upstream.Options{})
	a := f.send(t, http.MethodPut, "/v2/a%3Ab/manifests/v1?ns=evil.example&x=%zz;y", "hello",
		"Accept-Encoding", "br", "Authorization", "Basic eDp5", "Forwarded", "host=evil", "X-Forwarded-Host", "evil")
	assert.Equal(t, http.StatusCreated, a.StatusCode)
	assert.Equal(t, "PUT /v2/a%3Ab/manifests/v1?ns=evil.example&x=%zz;y br Basic eDp5", a.Header.Get("X-Request"))
	assert.Equal(t, strings.TrimPrefix(up.URL, "https://"), a.Header.Get("X-Host"))
	assert.Equal(t, "gzip", a.Header.Get("Content-Encoding"))
	assert.Empty(t, a.Header.Get("Alt-Svc"))
	assert.Equal(t, "not really gzip: hello", a.body)
	assert.Empty(t, <-f.marks)
}

// Trailers pass in both directions.
func TestTrailers(t *testing.T) {
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Digest-Of-Answer")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Digest-Of-Answer", r.Trailer.Get("Digest-Of-Request"))
	})
	f := inFront(t, up, upstream.Options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/v2/", io.MultiReader(strings.NewReader("body")))
	require.NoError(t, err)
	r.Trailer = http.Header{"Digest-Of-Request": {"abc"}}
	response, err := f.Client().Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, "body", string(text))
	assert.Equal(t, http.Header{"Digest-Of-Answer": {"abc"}}, response.Trailer)
}

// Everything that the registry names is reached through this server, and its address is not visible.
func TestRewrite(t *testing.T) {
	cdn := origin(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s auth=%q cookie=%q private=%q range=%q", r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("Private-Token"), r.Header.Get("Range"))
	})
	var up *httptest.Server
	up = origin(t, func(w http.ResponseWriter, r *http.Request) {
		named := r.URL.Query().Get("name")
		switch named = strings.NewReplacer("REALM", strings.ReplaceAll(cdn.URL+"/token", "/", `\/`), "CDN", cdn.URL, "UP", up.URL).Replace(named); op.Parse(r.Method, r.URL).Op {
		case op.UploadStart:
			w.Header().Set("Location", named)
			w.WriteHeader(http.StatusAccepted)
		case op.TagList:
			w.Header().Set("Link", "<"+named+`>; rel="next"; title="a, b"`)
		case op.Ping:
			w.Header().Add("WWW-Authenticate", `Bearer realm="`+named+`",service="s",scope="repository:a:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.Redirect(w, r, named, http.StatusTemporaryRedirect)
		}
	})
	f := inFront(t, up, upstream.Options{})
	secrets := []string{"Authorization", "Basic eDp5", "Cookie", "a=b", "Private-Token", "t", "Range", "bytes=1-"}
	field := map[string]string{"POST": "Location", "tags": "Link", "v2/": "Www-Authenticate"}
	for _, test := range []struct{ method, path, name, want, reached string }{
		{"GET", "/v2/a/blobs/" + someDigest, "CDN/x?sig=1", "/upstream/", "GET /x?sig=1&add=1 auth=\"\" cookie=\"\" private=\"\" range=\"bytes=1-\""},
		{"GET", "/v2/a/blobs/" + someDigest, "UP/v2/b/manifests/v1?x=1", "/v2/b/manifests/v1?x=1", ""},
		{"GET", "/v2/a/blobs/" + someDigest, "../tags/list", "/v2/a/tags/list", ""},
		{"POST", "/v2/a/blobs/uploads/", "UP/v2/a/blobs/uploads/1?_state=x", "/v2/a/blobs/uploads/1?_state=x", ""},
		{"POST", "/v2/a/blobs/uploads/", "CDN/up?t=1", "/upstream/", "GET /up?t=1&add=1 auth=\"\" cookie=\"\" private=\"\" range=\"bytes=1-\""},
		{"GET", "/v2/a/tags/list", "/v2/a/tags/list?last=x", `</v2/a/tags/list?last=x>; rel="next"; title="a, b"`, ""},
		{"GET", "/v2/a/tags/list", "CDN/list", "/upstream/", "GET /list?add=1 auth=\"\" cookie=\"\" private=\"\" range=\"bytes=1-\""},
		{"GET", "/v2/", "REALM", "/upstream/", "GET /token?add=1 auth=\"Basic eDp5\" cookie=\"\" private=\"\" range=\"bytes=1-\""},
		{"GET", "/v2/", "CDN/token?a=1", "/upstream/", "GET /token?a=1&add=1 auth=\"Basic eDp5\" cookie=\"\" private=\"\" range=\"bytes=1-\""},
	} {
		a := f.send(t, test.method, test.path+"?name="+url.QueryEscape(test.name), "")
		name := "Location"
		for part, is := range field {
			if test.method == part || strings.HasSuffix(test.path, part) || strings.Contains(test.path, "/"+part+"/") {
				name = is
			}
		}
		got := a.Header.Get(name)
		assert.Contains(t, got, test.want, "%v", test)
		for _, host := range []string{up.URL, cdn.URL, "//evil", "sig=1"} {
			assert.NotContains(t, got+a.body, host, "%v", test)
		}
		if test.reached == "" {
			continue
		}
		at := strings.FieldsFunc(strings.TrimPrefix(got, "Bearer realm="), func(c rune) bool { return strings.ContainsRune("<>\", ", c) })[0]
		assert.Equal(t, test.reached, f.get(t, at+"?add=1", secrets...).body, "%v", test)
	}
}

// A token service cannot send clients, and their credentials, to another host.
func TestTokenServiceChallenges(t *testing.T) {
	service := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("WWW-Authenticate", `Bearer realm="https://evil.example/token",service="s"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="tokens"`)
		w.Header().Set("Content-Location", "https://evil.example/")
		w.Header().Set("Refresh", "0; url=https://evil.example/")
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusUnauthorized)
	})
	up := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+service.URL+`/token"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	f := inFront(t, up, upstream.Options{})
	a := f.get(t, strings.Split(f.get(t, "/v2/").Header.Get("Www-Authenticate"), `"`)[1])
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
	assert.Equal(t, []string{`Bearer realm="token service",service="s"`, `Basic realm="tokens"`}, a.Header.Values("Www-Authenticate"))
	assert.Empty(t, a.Header.Get("Set-Cookie"))
	assert.NotContains(t, fmt.Sprint(a.Header), "evil.example")
}

// facts records what the handler of a handle is told.
func TestFacts(t *testing.T) {
	var up *httptest.Server
	up = origin(t, func(w http.ResponseWriter, r *http.Request) {
		switch op.Parse(r.Method, r.URL).Op {
		case op.UploadStart:
			w.Header().Set("Location", "/elsewhere/session")
			w.WriteHeader(http.StatusAccepted)
		case op.TagList:
			w.Header().Set("Link", `</elsewhere/list?last=b>; rel="next"`)
		case op.Ping:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+up.URL+`/elsewhere/token"`)
		default:
			w.Header().Set("Location", "/elsewhere/blob")
			w.WriteHeader(http.StatusFound)
		}
	})
	f := inFront(t, up, upstream.Options{})
	facts := func(method, handle string) op.Info {
		var got op.Info
		handler := f.upstream.Address(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, state := inflight.Begin(r)
			got = *state.Info()
		}))
		r := httptest.NewRequestWithContext(t.Context(), method, handle, nil)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		return got
	}
	session := f.send(t, http.MethodPost, "/v2/team/app/blobs/uploads/", "").Header.Get("Location")
	got := facts(http.MethodPut, session+"?digest="+someDigest)
	assert.Equal(t, op.UploadCommit, got.Op)
	assert.Equal(t, "team/app", got.Repo)
	assert.EqualValues(t, someDigest, got.Digest)
	assert.NotEmpty(t, got.Session)
	assert.Equal(t, got.Session, facts(http.MethodPatch, session).Session)
	assert.Equal(t, op.UploadChunk, facts(http.MethodPatch, session).Op)

	blob := f.get(t, "/v2/team/app/blobs/"+someDigest).Header.Get("Location")
	assert.Equal(t, op.Info{Op: op.External, Method: "GET", Repo: "team/app", Digest: someDigest}, facts(http.MethodGet, blob))
	manifest := f.get(t, "/v2/team/app/manifests/v1").Header.Get("Location")
	assert.Equal(t, op.Info{Op: op.External, Method: "HEAD", Repo: "team/app", Tag: "v1"}, facts(http.MethodHead, manifest))
	next := strings.Trim(strings.Split(f.get(t, "/v2/team/app/tags/list").Header.Get("Link"), ";")[0], "<>")
	assert.Equal(t, op.Info{Op: op.TagList, Method: "GET", Repo: "team/app"}, facts(http.MethodGet, next))
	challenge := f.get(t, "/v2/").Header.Get("Www-Authenticate")
	assert.Equal(t, op.Token, facts(http.MethodGet, strings.Split(challenge, `"`)[1]+"?scope=x").Op)
	assert.Equal(t, op.Unknown, facts(http.MethodGet, "/upstream/x").Op)
}

// A body of 64 MiB passes in both directions in constant memory.
func TestStreams(t *testing.T) {
	const size = 64 << 20
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			n, err := io.Copy(io.Discard, r.Body)
			assert.NoError(t, err)
			fmt.Fprint(w, n)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = io.Copy(w, io.LimitReader(zeros{}, size))
	})
	f := inFront(t, up, upstream.Options{})
	f.get(t, "/v2/") // opens the connections
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := http.NewRequestWithContext(t.Context(), method, f.URL+"/v2/a/blobs/"+someDigest, nil)
		require.NoError(t, err)
		if method == http.MethodPut {
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, size)), size
		}
		response, err := f.Client().Do(r)
		require.NoError(t, err)
		text := &strings.Builder{}
		n, err := io.Copy(io.Discard, io.TeeReader(response.Body, limit{text, 100}))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if method == http.MethodGet {
			assert.EqualValues(t, size, n)
		} else {
			assert.Equal(t, fmt.Sprint(size), text.String())
		}
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size), method)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// limit writes at most n bytes.
type limit struct {
	w *strings.Builder
	n int
}

func (l limit) Write(p []byte) (int, error) {
	l.w.Write(p[:min(len(p), max(l.n-l.w.Len(), 0))])
	return len(p), nil
}

// A client that leaves ends the request to the registry, and that is no error of the registry.
func TestLeave(t *testing.T) {
	reached, ended := make(chan bool), make(chan bool)
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		reached <- true
		<-r.Context().Done()
		ended <- true
	})
	f := inFront(t, up, upstream.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+"/v2/", nil)
	require.NoError(t, err)
	_, err = f.Client().Do(r)
	require.ErrorIs(t, err, context.Canceled)
	<-ended
	assert.Empty(t, <-f.marks)
}

// A handle works only as it was handed out.
func TestHandles(t *testing.T) {
	up := origin(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("reached: %s", r.RequestURI) })
	f := inFront(t, up, upstream.Options{})
	for _, path := range []string{"/upstream/", "/upstream/AAAA", "/upstream/" + strings.Repeat("A", 100), "/upstream/https://evil.example/", "/upstream/a/b", "/upstream/" + strings.Repeat("A", 50000)} {
		a := f.get(t, path)
		assert.Equal(t, http.StatusNotFound, a.StatusCode, path)
		assert.Contains(t, a.body, "was not handed out here")
		assert.Empty(t, <-f.marks)
	}
}
