package engine_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// limited is a handler behind a rule.
type limited struct {
	t       testing.TB
	rule    faults.Injected
	engine  *engine.Engine
	handler http.Handler
}

func newLimited(t testing.TB, rule faults.Rule, next http.HandlerFunc) *limited {
	t.Helper()
	e := engine.New(memstore.New(memstore.Options{}))
	injected, err := e.Inject(rule)
	require.NoError(t, err)
	return &limited{t, injected[0], e, e.Wrap(next)}
}

// ask sends a request, "GET /v2/", from an address, and perhaps for a user.
func (l *limited) ask(request, address, user string) *httptest.ResponseRecorder {
	l.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = address + ":1234"
	r, state := inflight.Begin(r)
	state.SetIdentity(user, nil)
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, r)
	return w
}

func tenBytes(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "0123456789") }

// Requests of two users, from two addresses, for two repositories; and which of them pass.
func TestRateLimitKeys(t *testing.T) {
	for key, want := range map[faults.LimitKey]string{
		"":                "200 429 429 429 429 429 429",
		faults.Subject:    "200 200 200 429 429 200 429",
		faults.Address:    "200 200 429 429 429 429 429",
		faults.Repository: "200 429 200 429 429 429 429",
	} {
		l := newLimited(t, faults.On(op.TagList).Do(faults.RateLimit(1, time.Hour).By(key)), tenBytes)
		var got []string
		for _, q := range []struct{ repo, address, user string }{
			{"a", "192.0.2.1", "alice"}, {"a", "192.0.2.2", "bob"}, {"b", "192.0.2.1", ""},
			{"a", "192.0.2.1", "alice"}, {"b", "192.0.2.2", "bob"}, {"a", "192.0.2.2", ""}, {"b", "192.0.2.1", ""},
		} {
			got = append(got, fmt.Sprint(l.ask("GET /v2/"+q.repo+"/tags/list", q.address, q.user).Code))
		}
		assert.Equal(t, want, strings.Join(got, " "), "by %q", key)
		assert.Equal(t, strings.Count(want, "429"), l.rule.Hits(), "it fires when it refuses")
	}
}

// Without authentication, the user is the one that the client names.
func TestRateLimitOfBasicUsers(t *testing.T) {
	l := newLimited(t, faults.On().Do(faults.RateLimit(1, time.Hour).By(faults.Subject)), tenBytes)
	ask := func(user string) int {
		r := httptest.NewRequest("GET", "/v2/app/tags/list", nil)
		r.SetBasicAuth(user, "")
		w := httptest.NewRecorder()
		l.handler.ServeHTTP(w, r)
		return w.Code
	}
	assert.Equal(t, []int{200, 200, 429}, []int{ask("alice"), ask("bob"), ask("alice")})
}

func TestRateLimitWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := faults.RateLimit(2, time.Minute).Header("X-Left", "{remaining} of {limit}, {reset} of {window}, {resettime}")
		l := newLimited(t, faults.On().Times(2).Do(limit), tenBytes)
		begun := time.Now()
		want := func(status int, left, reset int, ends time.Duration) {
			t.Helper()
			w := l.ask("GET /v2/app/tags/list", "192.0.2.1", "")
			assert.Equal(t, status, w.Code)
			assert.Equal(t, fmt.Sprintf("%d of 2, %d of 60, %d", left, reset, begun.Add(ends).Unix()), w.Header().Get("X-Left"))
			assert.Equal(t, status == 429, w.Header().Get("Retry-After") == fmt.Sprint(reset))
			assert.Empty(t, w.Header().Values("RateLimit-Limit"))
		}
		time.Sleep(10 * time.Second) // the window begins with a request
		want(200, 1, 60, 70*time.Second)
		time.Sleep(30 * time.Second)
		want(200, 0, 30, 70*time.Second)
		time.Sleep(29*time.Second + time.Millisecond)
		want(429, 0, 1, 70*time.Second)
		time.Sleep(time.Second)
		want(200, 1, 60, 130*time.Second+time.Millisecond)
		want(200, 0, 60, 130*time.Second+time.Millisecond)
		want(429, 0, 60, 130*time.Second+time.Millisecond)
		w := l.ask("GET /v2/app/tags/list", "192.0.2.1", "")
		assert.Equal(t, 200, w.Code, "the rule has fired twice and is over")
		assert.Empty(t, w.Header().Values("X-Left"))
	})
}

func TestRateLimitOfBytes(t *testing.T) {
	l := newLimited(t, faults.On().Do(faults.RateLimit(25, time.Hour).OfBytes().NoHeader()), func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(w, r.Body)
		assert.NoError(t, err)
	})
	ask := func(method, body string) int {
		w := httptest.NewRecorder()
		l.handler.ServeHTTP(w, httptest.NewRequest(method, "/v2/app/manifests/v1", strings.NewReader(body)))
		assert.Empty(t, w.Header().Values("RateLimit-Limit"))
		return w.Code
	}
	assert.Equal(t, 200, ask("GET", ""))
	assert.Equal(t, 200, ask("PUT", "0123456789"), "20 bytes: both bodies count")
	assert.Equal(t, 200, ask("PUT", "0123456789"), "40 bytes: it began below the limit")
	assert.Equal(t, 429, ask("GET", ""))
}

// Hostile names take no more memory, and those of late are still limited.
func TestRateLimitIsBounded(t *testing.T) {
	l := newLimited(t, faults.On().Do(faults.RateLimit(1, time.Hour).By(faults.Repository)), tenBytes)
	ask := func(i int) int { return l.ask(fmt.Sprintf("GET /v2/app-%d/tags/list", i), "192.0.2.1", "").Code }
	for i := range 10_000 {
		require.Equal(t, 200, ask(i))
	}
	assert.Equal(t, 429, ask(9_999))
	assert.Equal(t, 429, ask(9_999-4_000), "one of the latest 4096")
	assert.Equal(t, 200, ask(0), "it is forgotten")
}

// A rule on answers counts only those that its filters match.
func TestRateLimitOfAnswers(t *testing.T) {
	rule := faults.On().Where(record.Status("404")).Do(faults.RateLimit(1, time.Hour))
	l := newLimited(t, rule, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "none") {
			http.Error(w, "none", http.StatusNotFound)
		}
	})
	for _, c := range []struct {
		tag  string
		want int
	}{{"v1", 200}, {"none", 404}, {"v1", 200}, {"none", 429}, {"v1", 200}} {
		w := l.ask("GET /v2/app/manifests/"+c.tag, "192.0.2.1", "")
		assert.Equal(t, c.want, w.Code)
		assert.Equal(t, c.want != 200, w.Header().Get("RateLimit-Limit") != "")
	}
}

// A request that ends in any way makes room for the next.
func TestConcurrencyIsReleased(t *testing.T) {
	wait, entered := make(chan func()), make(chan bool)
	l := newLimited(t, faults.On().Do(faults.Concurrency(2).By(faults.Address).Answer(faults.Status(503))), func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		(<-wait)()
	})
	begin := func(address string) (ended chan any) {
		ended = make(chan any, 1)
		go func() {
			defer func() { ended <- recover() }()
			l.ask("GET /v2/app/tags/list", address, "")
		}()
		<-entered
		return ended
	}
	const address = "192.0.2.1"
	refused := func() bool { return l.ask("GET /v2/app/tags/list", address, "").Code == 503 }
	first, second := begin(address), begin(address)
	assert.True(t, refused())
	other := begin("192.0.2.2")
	wait <- func() { panic(http.ErrAbortHandler) }
	wait <- func() {}
	wait <- func() {}
	for _, ended := range []chan any{first, second, other} {
		<-ended
	}
	for range 3 {
		first, second = begin(address), begin(address)
		assert.True(t, refused())
		wait <- func() {}
		wait <- func() {}
		<-first
		<-second
	}
	assert.Equal(t, 4, l.rule.Hits())
}

// What is not above the ceiling is for the next rule, if Content-Length says so.
func TestCeilingLeavesSmallBodies(t *testing.T) {
	l := newLimited(t, faults.On().Do(faults.Ceiling(3)), func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		w.Write(body)
	})
	require.NoError(t, l.engine.Add(on("next").Do(faults.Status(http.StatusTeapot))))
	put := func(body string, length int64) *httptest.ResponseRecorder {
		r := httptest.NewRequest("PUT", "/v2/app/manifests/v1", strings.NewReader(body))
		r.ContentLength = length
		w := httptest.NewRecorder()
		l.handler.ServeHTTP(w, r)
		return w
	}
	assert.Equal(t, http.StatusTeapot, put("abc", 3).Code)
	assert.Equal(t, http.StatusRequestEntityTooLarge, put("abcd", 4).Code)
	passed := put("abc", -1)
	assert.Equal(t, "abc", passed.Body.String())
	assert.Equal(t, http.StatusRequestEntityTooLarge, put("abcd", -1).Code)
	assert.Equal(t, 2, l.rule.Hits())
}

func TestLimitsAreChecked(t *testing.T) {
	for want, rule := range map[string]faults.Rule{
		"rate-limit: want more than 0 requests or bytes":      on("").Do(faults.RateLimit(0, time.Hour)),
		"rate-limit: window: want more than 0, as 1m or 6h":   on("").Do(faults.RateLimit(1, 0)),
		"rate-limit: it has no upload":                        on("").Do(faults.RateLimit(1, time.Hour).OfUpload()),
		`rate-limit: by: "name": want subject, address or`:    on("").Do(faults.RateLimit(1, time.Hour).By("name")),
		"rate-limit: header: Content-Length is that of":       on("").Do(faults.RateLimit(1, time.Hour).Header("content-length", "1")),
		"rate-limit: header: there is no placeholder {rest}":  on("").Do(faults.RateLimit(1, time.Hour).Header("X", "{rest}")),
		"rate-limit: answer: 99 is no status to answer with":  on("").Do(faults.RateLimit(1, time.Hour).Answer(faults.Status(99))),
		"concurrency: want more than 0 requests":              on("").Do(faults.Concurrency(-1)),
		"concurrency: it has no bytes":                        on("").Do(faults.Concurrency(1).OfBytes()),
		"concurrency: it has no header":                       on("").Do(faults.Concurrency(1).NoHeader()),
		"ceiling: bytes: want 1 byte to 1GiB":                 on("").Do(faults.Ceiling(1<<30 + 1)),
		"ceiling: it has no by":                               on("").Do(faults.Ceiling(1).By(faults.Subject)),
		"ceiling never acts on a request that the filters ma": on("", op.BlobGet).Do(faults.Ceiling(1)),
		"is on the answer: concurrency acts before":           on("").Where(record.Status("200")).Do(faults.Concurrency(1)),
		"is on the answer: ceiling acts before":               on("").Where(record.Status("200")).Do(faults.Ceiling(1)),
		"status: {limit}, {remaining}":                        on("").Do(faults.Status(429).Error("X", "at most {limit}")),
	} {
		assert.ErrorContains(t, engine.New(nil).Add(rule), want)
	}
}
