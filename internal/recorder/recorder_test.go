package recorder_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// serve lets a handler serve a request under a recorder, and returns the one
// exchange on record.
func serve(t *testing.T, options recorder.Options, r *http.Request, handler http.HandlerFunc) (record.Exchange, *httptest.ResponseRecorder) {
	t.Helper()
	rec := recorder.New(options)
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != nil {
				assert.Equal(t, http.ErrAbortHandler, v)
			}
		}()
		rec.Wrap(handler).ServeHTTP(w, r)
	}()
	log := rec.Log()
	require.Len(t, log, 1)
	return log[0], w
}

func request(method, target, body string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	return httptest.NewRequest(method, target, reader)
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := digest.FromString("content")
		r := request("PUT", "/v2/lib/app/manifests/v1?tag=v2&tag=v3&ns=docker.io", "content")
		r.Header = http.Header{"Content-Type": {manifestType}, "User-Agent": {"crane/1"}, "X-Odd": {"a", "b"}, "Range": {"0-1"}}
		r.Host = "registry.example:5000"
		r.RemoteAddr = "192.0.2.1:1234"
		began := time.Now()
		x, _ := serve(t, recorder.Options{}, r, func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Content-Type", "changed by the handler")
			r.Header.Set("X-Added", "by the handler")
			time.Sleep(time.Second)
			_, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			_, state := inflight.Begin(r)
			state.SetVerified(d)
			state.SetStaleState(true)
			w.Header().Set("Location", "/v2/lib/app/manifests/"+d.String())
			w.Header()["x-spelled"] = []string{"so"}
			w.Header()["Date"] = nil
			w.WriteHeader(http.StatusCreated)
			w.Header().Set("X-Late", "not sent")
			time.Sleep(time.Second)
			io.WriteString(w, "ok")
		})
		assert.Equal(t, record.Exchange{
			Info: op.Info{
				Op: op.ManifestPut, Method: "PUT", Repo: "lib/app", Tag: "v1", Tags: []string{"v2", "v3"},
				Namespace: "docker.io",
			},
			Learned: op.Learned{Verified: d, StaleState: true},

			Host:   "registry.example:5000",
			Target: "/v2/lib/app/manifests/v1?tag=v2&tag=v3&ns=docker.io",
			Proto:  "HTTP/1.1",
			Header: http.Header{"Content-Type": {manifestType}, "User-Agent": {"crane/1"}, "X-Odd": {"a", "b"}, "Range": {"0-1"}},
			Seq:    1, Attempt: 1, Remote: "192.0.2.1:1234", InFlight: 1,
			Start: began.Round(0), First: time.Second, Duration: 2 * time.Second,
			RequestBytes: 7, RequestBody: []byte("content"),
			Status:         http.StatusCreated,
			ResponseHeader: http.Header{"Location": {"/v2/lib/app/manifests/" + d.String()}, "x-spelled": {"so"}},
			ResponseBytes:  2,
		}, x)
	})
}

// TestInfo: what op made of a request is on record, whatever it is.
func TestInfo(t *testing.T) {
	d := digest.FromString("x").String()
	for _, target := range []string{
		"/v2/", "/v2/app/manifests/" + d, "/v2/a/b/blobs/" + d, "/v2/app/blobs/uploads/", "/v2/app/blobs/uploads/id?_state=1&digest=" + d,
		"/v2/app/blobs/uploads/?mount=" + d + "&from=other", "/v2/app/blobs/uploads/?digest-algorithm=sha512", "/v2/%61pp/tags/list?n=1",
		"/v2/_catalog", "/other", "*", "/v2/app/manifests/v1?tag=%20x", "/v2/app/blobs/%00", "/v2/\u00e9/tags/list",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW"} {
			r := request(method, "/", "")
			r.RequestURI = target
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "", "", ""
			if parsed, err := r.URL.Parse(target); err == nil {
				r.URL = parsed
			}
			info := op.Parse(method, r.URL)
			x, _ := serve(t, recorder.Options{}, r, func(http.ResponseWriter, *http.Request) {})
			assert.Equal(t, op.Parse(x.Method, r.URL).Allow, x.Allow)
			assert.Equal(t, info.Op, x.Op)
			assert.Equal(t, []string{target, method, info.Repo, info.Tag, info.Digest.String(), info.Session, info.From, string(info.Algorithm)},
				[]string{x.Target, x.Method, x.Repo, x.Info.Tag, x.Info.Digest.String(), x.Info.Session, x.From, string(x.Algorithm)})
			assert.Equal(t, info.Tags, x.Tags)
		}
	}
}

// TestAlias: a repository that was asked for under another name is on record under
// both, also while the request is in flight.
func TestAlias(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	var open record.Log
	inner := rec.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { open = rec.Log() }))
	r, _ := inflight.BeginWith(request("GET", "/v2/other/app/tags/list", ""), func(info *op.Info) { info.Alias, info.Repo = info.Repo, "app" })
	inner.ServeHTTP(httptest.NewRecorder(), r)
	for _, log := range []record.Log{open, rec.Log(), rec.Log(record.Alias("other/*"))} {
		require.Len(t, log, 1)
		x := log[0]
		assert.Equal(t, []string{"other/app", "app", "/v2/other/app/tags/list"}, []string{x.Alias, x.Repo, x.Target})
		assert.Empty(t, x.Faults)
	}
	assert.Empty(t, rec.Log(record.Alias("app")))
}

// TestMounted: the prefix that was removed is known.
func TestMounted(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	handler := http.StripPrefix("/some", rec.Wrap(http.NotFoundHandler()))
	handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/some/v2/app/tags/list", ""))
	x := rec.Log()[0]
	assert.Equal(t, "/some", x.Prefix)
	assert.Equal(t, op.TagList, x.Op)
	assert.Equal(t, "/some/v2/app/tags/list", x.Target)
}

// TestLearned: what layers learn is on record at once, and stays.
func TestLearned(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	learned := op.Learned{
		Subject: "ann", Scopes: []string{"repository:app:pull"}, Faults: []string{"slow", "late"},
		Verified: digest.FromString("x"), StaleState: true,
	}
	var open record.Log
	handler := rec.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		state := inflight.Of(r.Context())
		state.SetIdentity(learned.Subject, learned.Scopes)
		state.SetVerified(learned.Verified)
		state.SetStaleState(true)
		for _, rule := range learned.Faults {
			state.AddFault(rule)
		}
		open = rec.Log()
	}))
	handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/v2/app/tags/list", ""))
	for _, log := range []record.Log{open, rec.Log()} {
		require.Len(t, log, 1)
		assert.Equal(t, learned, log[0].Learned)
	}
}

func TestAnswers(t *testing.T) {
	type facts struct {
		Status    int
		Bytes     int64
		Body      string
		Cut, Left bool
	}
	fail := http.ErrAbortHandler
	for _, test := range []struct {
		name    string
		method  string
		target  string
		handler http.HandlerFunc
		want    facts
	}{
		{"nothing", "GET", "/", func(http.ResponseWriter, *http.Request) {}, facts{Status: 200}},
		{"an empty write", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { w.Write(nil); w.WriteHeader(500) }, facts{Status: 200}},
		{"a write", "GET", "/v2/app/tags/list", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}"); io.WriteString(w, "\n") }, facts{Status: 200, Bytes: 3, Body: "{}\n"}},
		{"flush", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); w.WriteHeader(500) }, facts{Status: 200}},
		{"an interim answer", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, facts{Status: 404}},
		{"another status after the first", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(500) }, facts{Status: 404}},
		{"switching protocols", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(101) }, facts{Status: 101}},
		{"a body with its length", "GET", "/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ok")
		}, facts{Status: 200, Bytes: 2}},
		{"too short a body", "GET", "/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "ok")
		}, facts{Status: 200, Bytes: 2, Cut: true}},
		{"HEAD", "HEAD", "/v2/app/manifests/v1", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "abc")
		}, facts{Status: 200}},
		{"not modified", "GET", "/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			w.WriteHeader(http.StatusNotModified)
		}, facts{Status: 304}},
		{"a strange length", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "x") }, facts{Status: 200}},
		{"a blob", "GET", "/v2/app/blobs/sha256:x", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "blob") }, facts{Status: 200, Bytes: 4}},
		{"an error", "GET", "/v2/app/blobs/sha256:x", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 404) }, facts{Status: 404, Bytes: 3, Body: "no\n"}},
		{"a manifest", "GET", "/v2/app/manifests/v1", func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, strings.NewReader("{}")) }, facts{Status: 200, Bytes: 2, Body: "{}"}},
		{"a panic", "GET", "/", func(http.ResponseWriter, *http.Request) { panic(fail) }, facts{Cut: true}},
		{"a panic after a write", "GET", "/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "half"); panic(fail) }, facts{Status: 200, Bytes: 4, Cut: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			x, _ := serve(t, recorder.Options{}, request(test.method, test.target, ""), test.handler)
			assert.Equal(t, test.want, facts{x.Status, x.ResponseBytes, string(x.ResponseBody), x.Cut, x.Left})
			assert.False(t, x.Open)
			assert.False(t, x.ResponseBodyCut)
		})
	}
}

// leaving is a client that is gone as soon as it has the header.
type leaving struct{ *httptest.ResponseRecorder }

func (l leaving) FlushError() error {
	l.Flush()
	return io.ErrClosedPipe
}

func TestFlushToWhoLeaves(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.ErrorIs(t, http.NewResponseController(w).Flush(), io.ErrClosedPipe)
		w.WriteHeader(http.StatusTeapot)
	}))
	handler.ServeHTTP(leaving{httptest.NewRecorder()}, request("GET", "/", ""))
	x := rec.Log()[0]
	assert.Equal(t, http.StatusOK, x.Status)
	assert.True(t, x.Left)
}

// TestPanics that are not meant to abort go through as well.
func TestPanics(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	boom := errors.New("boom")
	handler := rec.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(boom) }))
	assert.PanicsWithValue(t, boom, func() { handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/", "")) })
	assert.True(t, rec.Log()[0].Cut)
	assert.False(t, rec.Log()[0].Open)
}

// TestBodies are kept of what is small and says something, up to a limit.
func TestBodies(t *testing.T) {
	const body = "0123456789"
	blob := "/v2/app/blobs/" + digest.FromString(body).String()
	for _, test := range []struct {
		method, target string
		status         int
		asked          bool
		answered       bool
	}{
		{"GET", "/v2/app/manifests/v1", 200, false, true},
		{"GET", "/v2/app/manifests/v1", 404, false, true},
		{"PUT", "/v2/app/manifests/v1", 201, true, false},
		{"PUT", "/v2/app/manifests/v1", 400, true, true},
		{"GET", "/v2/app/tags/list", 200, false, true},
		{"GET", "/v2/_catalog", 200, false, true},
		{"GET", "/v2/app/referrers/" + digest.FromString(body).String(), 200, false, true},
		{"GET", blob, 200, false, false},
		{"GET", blob, 206, false, false},
		{"GET", blob, 307, false, false},
		{"GET", blob, 500, false, true},
		{"PATCH", "/v2/app/blobs/uploads/id", 202, false, false},
		{"PATCH", "/v2/app/blobs/uploads/id", 416, false, true},
		{"PUT", "/v2/app/blobs/uploads/id?digest=sha256:x", 201, false, false},
		{"POST", "/v2/app/blobs/uploads/?digest=sha256:x", 201, false, false},
		{"GET", "/other", 200, false, false},
	} {
		for limit, want := range map[int]string{0: body, 10: body, 9: body[:9], 1: body[:1], -1: ""} {
			x, _ := serve(t, recorder.Options{MaxBody: limit}, request(test.method, test.target, body), func(w http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				assert.NoError(t, err)
				w.WriteHeader(test.status)
				io.WriteString(w, body[:5])
				w.Write([]byte(body[5:]))
			})
			wanted := func(kept bool) (string, bool) {
				if !kept {
					return "", false
				}
				return want, want != body
			}
			text, cut := wanted(test.asked)
			assert.Equal(t, text, string(x.RequestBody), "%v %d", test, limit)
			assert.Equal(t, cut, x.RequestBodyCut, "%v %d", test, limit)
			text, cut = wanted(test.answered)
			assert.Equal(t, text, string(x.ResponseBody), "%v %d", test, limit)
			assert.Equal(t, cut, x.ResponseBodyCut, "%v %d", test, limit)
			assert.Equal(t, int64(10), x.RequestBytes)
			assert.Equal(t, int64(10), x.ResponseBytes)
		}
	}
}

func TestSecrets(t *testing.T) {
	const password = "s3cret"
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"ann","access":[{"type":"repository","name":"app","actions":["pull"]}]}`))
	token := "eyJhbGciOiJub25lIn0." + claims + "." + password
	r := request("POST", "http://me:s3cret@registry.example/token?access_token="+password, "grant_type=password&username=me&password="+password)
	r.RequestURI = "http://me:s3cret@registry.example/token?access_token=" + password
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Cookie", "a="+password)
	r.Header.Set("Proxy-Authorization", "Basic "+password)
	r, _ = inflight.BeginWith(r, func(info *op.Info) { info.Op = op.Token })
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		w.Header().Set("Set-Cookie", "a="+password)
		w.Header().Set("Location", "https://cdn.test/?X-Amz-Signature="+password)
		io.WriteString(w, `{"token":"s3cret","expires_in":300}`)
	}
	var log bytes.Buffer
	x, _ := serve(t, recorder.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, r, handler)
	text, err := json.Marshal(x)
	require.NoError(t, err)
	assert.NotContains(t, string(text), password)
	assert.NotContains(t, log.String(), password)
	assert.Contains(t, log.String(), "op=token")
	assert.Equal(t, []string{"Bearer", "ann", "repository:app:pull"}, append([]string{x.Scheme, x.Subject}, x.Scopes...))
	require.Len(t, record.Secrets(x.Target), 2)
	kept := record.Secrets(x.Target)[1]
	assert.Equal(t, "token", kept.Kind)
	fingerprint := kept.Fingerprint
	assert.Regexp(t, `^Bearer \[redacted:token:[0-9a-f]{16}\]$`, x.Header.Get("Authorization"))
	assert.NotContains(t, x.Header.Get("Authorization"), fingerprint, "that is another secret")
	assert.Equal(t, `{"token":"[redacted:token:`+fingerprint+`]","expires_in":300}`, string(x.ResponseBody))
	assert.Equal(t, "grant_type=password&username=me&password=[redacted:password:"+fingerprint+"]", string(x.RequestBody))
	assert.Equal(t, "http://%5Bredacted%3Apassword%3A"+fingerprint+"%5D@registry.example/token?access_token=[redacted:token:"+fingerprint+"]", x.Target)
	assert.Contains(t, log.String(), fingerprint, "the log agrees")
	assert.Contains(t, x.RequestSecrets(), kept)
	assert.Equal(t, []record.Secret{record.Secrets(x.ResponseHeader.Get("Location"))[0], record.Secrets(x.ResponseHeader.Get("Set-Cookie"))[0], kept}, x.ResponseSecrets())

	r.Body = io.NopCloser(strings.NewReader("password=" + password))
	x, _ = serve(t, recorder.Options{KeepSecrets: true}, r, handler)
	assert.Equal(t, "Bearer "+token, x.Header.Get("Authorization"))
	assert.Equal(t, "a="+password, x.Header.Get("Cookie"))
	assert.Equal(t, "password="+password, string(x.RequestBody))
	assert.Contains(t, string(x.ResponseBody), password)
	assert.Contains(t, x.Target, password)
	assert.Equal(t, "ann", x.Subject)
}

// Changes of the request on its way are on record, without the secrets that they set.
func TestServedChanges(t *testing.T) {
	changes := []string{
		"without Range", "with Authorization: Bearer s3cret", "with X-Vault-Token: s3cret", "with Accept: a/b: c",
		"with Referer: https://me:s3cret@host/", "for host registry.example:5000",
	}
	handler := func(_ http.ResponseWriter, r *http.Request) {
		_, state := inflight.Begin(r)
		for _, change := range changes {
			state.AddServed(change)
		}
	}
	x, _ := serve(t, recorder.Options{}, request("GET", "/v2/", ""), handler)
	secrets := record.Secrets(x.Served[1])
	require.Len(t, secrets, 1)
	assert.Equal(t, []string{
		"without Range", "with Authorization: Bearer [redacted:token:" + secrets[0].Fingerprint + "]",
		"with X-Vault-Token: [redacted:token:" + secrets[0].Fingerprint + "]", "with Accept: a/b: c",
		"with Referer: https://%5Bredacted%3Apassword%3A" + secrets[0].Fingerprint + "%5D@host/", "for host registry.example:5000",
	}, x.Served)
	assert.Contains(t, record.Log{x}.Journal(), "served with Authorization: Bearer [redacted]")
	x, _ = serve(t, recorder.Options{KeepSecrets: true}, request("GET", "/v2/", ""), handler)
	assert.Equal(t, changes, x.Served)
}

func TestLogWithFilters(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(registry.New(memstore.New(memstore.Options{}), registry.Options{}))
	for _, target := range []string{"/v2/", "/v2/app/manifests/v1", "/v2/app/tags/list", "/v2/other/manifests/v1"} {
		handler.ServeHTTP(httptest.NewRecorder(), request("GET", target, ""))
	}
	assert.Equal(t, []op.Op{op.ManifestGet, op.TagList}, rec.Log(record.Repo("app"), record.Status("404")).Ops())
	assert.Equal(t, []op.Op{op.ManifestGet, op.TagList, op.ManifestGet}, rec.Log(record.Code("NAME_UNKNOWN")).Ops())
	assert.Empty(t, rec.Log(record.Repo("none")))
}

// TestLogIsACopy changes a log, and nothing else changes.
func TestLogIsACopy(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(registry.New(memstore.New(memstore.Options{}), registry.Options{}))
	for range 2 {
		r := request("GET", "/v2/app/manifests/v1", "")
		r.Header.Set("User-Agent", "crane/1")
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	log := rec.Log()
	log[0].Header.Set("User-Agent", "changed")
	log[0].Header["User-Agent"] = append(log[0].Header["User-Agent"], "more")
	log[0].ResponseHeader["Content-Type"][0] = "changed"
	log[0].ResponseBody[0] = 'x'
	log[0].Codes[0] = "changed"
	for _, x := range []record.Exchange{log[1], rec.Log()[0]} {
		assert.Equal(t, []string{"crane/1"}, x.Header["User-Agent"])
		assert.Equal(t, "application/json", x.ResponseHeader.Get("Content-Type"))
		assert.Equal(t, byte('{'), x.ResponseBody[0])
		assert.Equal(t, []string{"NAME_UNKNOWN"}, x.Codes)
	}
}

// TestOpen: requests in flight are on record, as far as they have come.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := recorder.New(recorder.Options{})
		proceed := make(chan struct{})
		handler := rec.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-proceed
			w.Header().Set("X-Test", "sent")
			w.WriteHeader(http.StatusNotFound)
			w.Header().Set("X-Test", "changed")
			<-proceed
			io.WriteString(w, "half")
			<-proceed
			io.WriteString(w, "rest")
		}))
		for _, target := range []string{"/v2/a/tags/list", "/v2/b/tags/list"} {
			go handler.ServeHTTP(httptest.NewRecorder(), request("GET", target, ""))
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		log := rec.Log(record.Open())
		assert.Equal(t, []string{"a", "b"}, []string{log[0].Repo, log[1].Repo})
		assert.Equal(t, []int{1, 2}, []int{log[0].InFlight, log[1].InFlight})
		assert.Equal(t, time.Minute, log[0].Duration)
		assert.Zero(t, log[0].Status)
		assert.Nil(t, log[0].ResponseHeader)

		for range 2 {
			proceed <- struct{}{}
		}
		synctest.Wait()
		for _, x := range rec.Log(record.Open()) {
			assert.Equal(t, http.StatusNotFound, x.Status)
			assert.Equal(t, "sent", x.ResponseHeader.Get("X-Test"))
			assert.Equal(t, time.Minute, x.First)
		}
		close(proceed)
		synctest.Wait()
		log = rec.Log()
		require.Len(t, log, 2)
		assert.Zero(t, log.Count(record.Open()))
		assert.Equal(t, "halfrest", string(log[1].ResponseBody))
		assert.Equal(t, int64(8), log[1].ResponseBytes)
		handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/v2/", ""))
		assert.Equal(t, 1, rec.Log()[2].InFlight)
	})
}

func TestMarkAndClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := recorder.New(recorder.Options{})
		proceed := make(chan struct{})
		handler := rec.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				<-proceed
			}
		}))
		get := func(target string) { handler.ServeHTTP(httptest.NewRecorder(), request("GET", target, "")) }
		get("/one")
		go get("/wait")
		synctest.Wait()
		mark := rec.Mark()
		get("/two")
		log := rec.Log(record.Since(mark))
		require.Len(t, log, 1)
		assert.Equal(t, "/two", log[0].Target)

		rec.Clear()
		assert.Empty(t, rec.Log())
		close(proceed)
		synctest.Wait()
		assert.Empty(t, rec.Log(), "what was in flight is forgotten too")
		get("/three")
		assert.Equal(t, uint64(4), rec.Log()[0].Seq)
		assert.Equal(t, 1, rec.Log()[0].InFlight)
	})
}

func TestDropped(t *testing.T) {
	const n = 1000
	for _, max := range []int64{-1, 100, 10_000, 0} {
		rec := recorder.New(recorder.Options{MaxBytes: max})
		handler := rec.Wrap(http.NotFoundHandler())
		for range n {
			handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/v2/", ""))
		}
		log := rec.Log()
		assert.Equal(t, n, len(log)+rec.Dropped())
		if len(log) > 0 {
			assert.Equal(t, uint64(n), log[len(log)-1].Seq)
		}
		switch max {
		case 0:
			assert.Zero(t, rec.Dropped())
		case -1:
			assert.Empty(t, log)
		}
		rec.Clear()
		assert.Zero(t, rec.Dropped())
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := recorder.New(recorder.Options{})
		handler := rec.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			w.WriteHeader(http.StatusTeapot)
			time.Sleep(time.Minute)
		}))
		began := time.Now()
		go func() {
			time.Sleep(time.Minute)
			handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/v2/", ""))
		}()
		for _, test := range []struct {
			filter record.Filter
			after  time.Duration
		}{
			{record.Op(op.Ping), time.Minute},
			{record.Status("418"), 2 * time.Minute},
			{record.Not(record.Open()), 3 * time.Minute},
		} {
			err := rec.Wait(t.Context(), func(log record.Log) bool { return log.Count(test.filter) == 1 })
			require.NoError(t, err)
			assert.Equal(t, test.after, time.Since(began))
		}
		changed := rec.Changed()
		rec.Clear()
		<-changed

		reason := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, reason)
		defer cancel()
		require.ErrorIs(t, rec.Wait(ctx, func(record.Log) bool { return false }), reason)
	})
}

// TestNil: a recorder that is nil records nothing.
func TestNil(t *testing.T) {
	var rec *recorder.Recorder
	handler := http.NotFoundHandler()
	w := httptest.NewRecorder()
	rec.Wrap(handler).ServeHTTP(w, request("GET", "/", ""))
	assert.Equal(t, http.StatusNotFound, w.Code)
	c := rec.Accept("192.0.2.1:1", nil)
	c.Failed("refused")
	c.Severed()
	c.Closed()
	assert.Nil(t, c)
}
