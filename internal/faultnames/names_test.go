package faultnames_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

const (
	layer = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	getV1 = "GET /v2/app/manifests/v1"
	ping  = "GET /v2/"
)

// found is a registry whose answer is always 200.
var found = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// names are those that the tests read.
var names = faultnames.New()

// newEngine returns an engine in which every effect can act, and a function that sends
// requests to a registry with faults by name.
func newEngine(t testing.TB) (e *engine.Engine, ask func(request string) (w *httptest.ResponseRecorder, touched string)) {
	t.Helper()
	e = engine.New(memstore.New(memstore.Options{}))
	e.Bind(effect.Site{
		Connections: true,
		Dead:        "dead.test",
		External:    func() (string, error) { return "cdn.test", nil },
	})
	return e, func(request string) (*httptest.ResponseRecorder, string) {
		return askByName(e, e.Wrap(found), request)
	}
}

// askByName sends a request to a handler behind [engine.Engine.ByName], and returns the
// answer and the names of the rules that touched it, or "-".
func askByName(e *engine.Engine, handler http.Handler, request string) (w *httptest.ResponseRecorder, touched string) {
	method, target, _ := strings.Cut(request, " ")
	w, touched = httptest.NewRecorder(), "-"
	defer func() {
		if p := recover(); p != nil && !errors.Is(p.(error), http.ErrAbortHandler) {
			panic(p)
		}
	}()
	e.ByName(names, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, state := inflight.Begin(r)
		defer func() {
			if rules := state.Learned().Faults; len(rules) > 0 {
				touched = strings.Join(rules, "+")
			}
		}()
		handler.ServeHTTP(w, r)
	})).ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w, touched
}

// ruleNames returns the names of an engine's rules.
func ruleNames(e *engine.Engine) []string {
	var list []string
	for _, s := range e.Rules() {
		list = append(list, s.Rule.Name)
	}
	return list
}

// refusal is the message of an error of the specification's.
func refusal(t testing.TB, w *httptest.ResponseRecorder) (code, message string) {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), w.Body.String())
	require.Len(t, body.Errors, 1)
	return body.Errors[0].Code, body.Errors[0].Message
}

// Each name makes rules, which can be written as any others.
func TestRules(t *testing.T) {
	for name, want := range map[string]string{
		"fault/status-503/app": `[{"name":"fault/status-503/app","where":"alias=fault/status-503/app","continue":true,"optional":true,"do":[{"status":{"code":503}}]}]`,
		"fault/status-503/times-2/lib/app": `[{"name":"fault/status-503/times-2/lib/app","where":"alias=fault/status-503/times-2/lib/app","times":2,` +
			`"continue":true,"optional":true,"do":[{"status":{"code":503}}]}]`,
		"fault/delay-1m30s/after-1/every-3/for-1h/app": `[{"name":"fault/delay-1m30s/after-1/every-3/for-1h/app","where":"alias=fault/delay-1m30s/after-1/every-3/for-1h/app",` +
			`"after":1,"every":3,"for":"1h0m0s","continue":true,"optional":true,"do":[{"delay":{"for":"1m30s"}}]}]`,
		"fault/status-429/retry-after-2/on-blob.get/on-manifest.put/app": `[{"name":"fault/status-429/retry-after-2/on-blob.get/on-manifest.put/app",` +
			`"where":"op=blob.get,manifest.put alias=fault/status-429/retry-after-2/on-blob.get/on-manifest.put/app","continue":true,"optional":true,"do":[{"status":{"code":429,"retryAfter":"2s"}}]}]`,
		"fault/reset-0/of-request/app": `[{"name":"fault/reset-0/of-request/app","where":"op=blob.post,upload.chunk,upload.commit alias=fault/reset-0/of-request/app",` +
			`"continue":true,"optional":true,"do":[{"reset":{"request":true}}]}]`,
		"fault/drop-request-header-range/app": `[{"name":"fault/drop-request-header-range/app","where":"alias=fault/drop-request-header-range/app","continue":true,"optional":true,"do":[{"drop-request-header":{"name":"range"}}]}]`,
		"fault/drop-header-etag/app":          `[{"name":"fault/drop-header-etag/app","where":"alias=fault/drop-header-etag/app","continue":true,"optional":true,"do":[{"drop-header":{"name":"etag"}}]}]`,
		"fault/head-405/app":                  `[{"name":"fault/head-405/app","where":"op=manifest.head alias=fault/head-405/app","continue":true,"optional":true,"do":[{"status":{"code":405}}]}]`,
		"fault/forbidden-for-absent/app": `[{"name":"fault/forbidden-for-absent/app","where":"op=manifest.get,manifest.head alias=fault/forbidden-for-absent/app",` +
			`"until":"op=manifest.put alias=fault/forbidden-for-absent/app","continue":true,"optional":true,"do":[{"status":{"code":403,"error":"UNAUTHORIZED",` +
			`"message":"The client does not have permission for manifest: {tag}{digest}","detail":{"manifest":"{tag}{digest}"}}}]}]`,
		"fault/range-ignored/status-502/html/times-1/app": `[` +
			`{"name":"fault/range-ignored/status-502/html/times-1/app","where":"op=blob.get !header.Range alias=fault/range-ignored/status-502/html/times-1/app","times":1,"continue":true,"optional":true,"do":[{"close":{"after":100}}]},` +
			`{"name":"fault/range-ignored/status-502/html/times-1/app#2","where":"op=blob.get header.Range alias=fault/range-ignored/status-502/html/times-1/app","continue":true,"optional":true,"do":["ignore-range"]},` +
			`{"name":"fault/range-ignored/status-502/html/times-1/app#3","where":"alias=fault/range-ignored/status-502/html/times-1/app","times":1,"continue":true,"optional":true,"do":[{"status":{"code":502,"html":true}}]}]`,
	} {
		e, ask := newEngine(t)
		ask("GET /v2/" + name + "/referrers/" + layer)
		var rules []faults.Rule
		for _, s := range e.Rules() {
			rules = append(rules, s.Rule)
		}
		got, err := json.Marshal(rules)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(got), name)
		again, err := conf.Rules(got)
		require.NoError(t, err)
		assert.Len(t, again, len(rules))
	}
}

// What is no name of faults says why, in the way that goes with the operation.
func TestRefusals(t *testing.T) {
	for name, want := range map[string]string{
		"fault/app":                                    `there is no fault "app": write one such as status-503 or reset-mid-blob`,
		"fault/statu-503/app":                          `there is no fault "statu-503": did you mean status-CODE?`,
		"fault/xyz-503/app":                            `there is no fault "xyz-503": write one such as status-503 or reset-mid-blob`,
		"fault/reset-blob/app":                         `there is no fault "reset-blob": did you mean reset-mid-blob?`,
		"fault/status/app":                             `there is no fault "status": did you mean status-CODE or set-status-CODE?`,
		"fault/status-503":                             `the name of a repository is missing: want it last, as in fault/status-503/app`,
		"fault/status-503/zeros":                       `the name of a repository is missing`,
		"fault/status-0503/app":                        `status-0503: write status-CODE, an HTTP status`,
		"fault/status-5000000000000000/app":            `write status-CODE, an HTTP status`,
		"fault/status-99/app":                          `status: 99 is no status to answer with`,
		"fault/status-503/times-0/app":                 `times-0: write times-N, a whole number of at least 1`,
		"fault/status-503/on-blob.gte/app":             `on-blob.gte: write on-OPERATION, such as blob.get, manifest.put`,
		"fault/status-503/on-token.keys/app":           `on-token.keys: write on-OPERATION, such as blob.get, manifest.put`,
		"fault/delay-2/app":                            `delay-2: write delay-TIME, such as 500ms, 2s, 1h`,
		"fault/delay-0s/app":                           `delay-0s: write delay-TIME`,
		"fault/times-2/app":                            `times-2: it describes the fault before it: put it behind one such as status-503`,
		"fault/reset-mid-blob/times-2/app":             `times-2: it describes the fault before it: put it behind one such as status-503; known faults have their own counts`,
		"fault/delay-2s/retry-after-2/app":             `retry-after-2: delay is not a status: use it behind one such as status-503`,
		"fault/delay-2s/html/app":                      `html: delay is not a status`,
		"fault/zeros/of-request/app":                   `of-request: zeros does not act on the body of a request`,
		"fault/status-429/retry-after-9999999999/app":  `retry-after-9999999999: write fewer seconds than 9999999999`,
		"fault/black-hole/app":                         `black-hole acts on connections, which have no name of a repository`,
		"fault/token-endpoint-500/app":                 `token-endpoint-500 acts on requests for tokens or for /v2/`,
		"fault/redirect-to-website/app":                `redirect-to-website acts on requests that have no name of a repository`,
		"fault/token-expires-mid-push/app":             `revoke-tokens is about tokens, and the registry has no auth`,
		"fault/" + strings.Repeat("zeros/", 9) + "app": `9 faults in one name: use at most 8`,
	} {
		e, ask := newEngine(t)
		for request, status := range map[string]int{"GET": 404, "HEAD": 404, "PUT": 400, "DELETE": 400, "POST": 404} {
			w, touched := ask(request + " /v2/" + name + "/manifests/v1")
			assert.Equal(t, status, w.Code, "%s %s", request, name)
			assert.Equal(t, "-", touched)
			if request == "HEAD" {
				assert.Empty(t, w.Body.String())
				continue
			}
			code, message := refusal(t, w)
			assert.Equal(t, map[int]string{404: "NAME_UNKNOWN", 400: "NAME_INVALID"}[status], code)
			assert.Contains(t, message, want)
			assert.Contains(t, message, ": repository "+name+": ")
			assert.Contains(t, message, "ocifake faults known")
		}
		assert.Empty(t, e.Rules(), name)
	}
}

// What is not under "fault/", or no name at all, is none of its business.
func TestLeavesTheRest(t *testing.T) {
	e, ask := newEngine(t)
	for _, name := range []string{"fault", "faults/status-503/app", "app/fault/status-503", "fault/Status-503/app", "fault/status-503/APP", "fault//app", "fault/" + strings.Repeat("zeros/", 60) + "app"} {
		w, touched := ask("GET /v2/" + name + "/manifests/v1")
		assert.Equal(t, []any{http.StatusOK, "-"}, []any{w.Code, touched}, name)
	}
	assert.Empty(t, e.Rules())
}

// A segment that begins as a word does, and is none, begins the repository.
func TestRepository(t *testing.T) {
	for name, want := range map[string]string{
		"fault/zeros/app":               "app",
		"fault/zeros/lib/app":           "lib/app",
		"fault/zeros/on-call/app":       "on-call/app",
		"fault/zeros/close-friends":     "close-friends",
		"fault/zeros/after-effects/x":   "after-effects/x",
		"fault/zeros/fault/zeros/app":   "fault/zeros/app", // which is not looked at again
		"fault/status-503/app/zeros":    "app/zeros",
		"fault/status-503/stale-tag":    "", // a known fault
		"fault/stale-tag/stale-tag-1/a": "a",
	} {
		var got op.Info
		e := engine.New(memstore.New(memstore.Options{}))
		inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = *inflight.Of(r.Context()).Info() })
		w, _ := askByName(e, e.BeforeAuth(inner), "GET /v2/"+name+"/tags/list")
		if want == "" {
			assert.Equal(t, http.StatusNotFound, w.Code, name)
			continue
		}
		assert.Equal(t, [3]string{want, name, name}, [3]string{got.Repo, got.Alias, got.Name()})
		w, _ = askByName(e, e.BeforeAuth(inner), "POST /v2/app/blobs/uploads/?mount="+layer+"&from="+name)
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, [3]string{"app", "", want}, [3]string{got.Repo, got.Alias, got.From})
	}
}

// Each name counts for itself, and other requests for the repository are let be.
func TestCounts(t *testing.T) {
	e, ask := newEngine(t)
	const twice, once = "GET /v2/fault/status-503/times-2/app/manifests/v1", "GET /v2/fault/status-503/times-1/app/manifests/v1"
	statuses := func(requests ...string) (got []int) {
		for _, request := range requests {
			w, _ := ask(request)
			got = append(got, w.Code)
		}
		return got
	}
	assert.Equal(t, []int{503, 200, 503, 503, 200, 200, 200, 200}, statuses(twice, getV1, once, twice, once, twice, getV1, ping))
	assert.Equal(t, []string{"fault/status-503/times-2/app", "fault/status-503/times-1/app"}, ruleNames(e))
	for i, want := range []faults.State{{Seen: 2, Hits: 2, Over: true}, {Seen: 1, Hits: 1, Over: true}} {
		got := e.Rules()[i]
		assert.Equal(t, want, faults.State{Seen: got.Seen, Hits: got.Hits, Over: got.Over})
	}
	assert.True(t, e.Remove("fault/status-503/times-1/app"))
	assert.Equal(t, []int{503, 200, 200}, statuses(once, once, twice), "one that was removed begins anew")
	e.Clear()
	assert.Equal(t, []int{503, 503, 200, 503, 200}, statuses(twice, twice, twice, once, once))
}

// All faults of a name that are due happen together, the first outermost.
func TestTogether(t *testing.T) {
	_, ask := newEngine(t)
	const request = "GET /v2/fault/drop-header-date/status-503/times-1/status-429/after-1/times-2/app/manifests/v1"
	const name = "fault/drop-header-date/status-503/times-1/status-429/after-1/times-2/app"
	var got []string
	for range 4 {
		w, touched := ask(request)
		got = append(got, fmt.Sprint(w.Code, " ", strings.ReplaceAll(touched, name, "")))
	}
	assert.Equal(t, []string{"503 #2+", "429 #3+", "429 #3+", "200 "}, got)
}

// Many first requests under a name make its rules once.
func TestAtOnce(t *testing.T) {
	e, ask := newEngine(t)
	var requests sync.WaitGroup
	for range 20 {
		requests.Go(func() {
			for i := range 20 {
				ask(fmt.Sprintf("GET /v2/fault/status-503/times-3/app%d/manifests/v1", i))
			}
		})
	}
	requests.Wait()
	require.Len(t, e.Rules(), 20)
	for _, s := range e.Rules() {
		assert.Equal(t, 3, s.Hits, s.Rule.Name)
	}
}

// Clients cannot make the engine grow without end.
func TestIsBounded(t *testing.T) {
	const most = 1024
	e, ask := newEngine(t)
	request := func(i int) string { return fmt.Sprintf("GET /v2/fault/status-503/app%d/manifests/v1", i) }
	for i := range most {
		w, _ := ask(request(i))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
	}
	w, touched := ask(request(most))
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	code, message := refusal(t, w)
	assert.Equal(t, "TOOMANYREQUESTS", code)
	assert.Contains(t, message, "there are 1024 names with faults already: remove rules, or reset the registry")
	assert.Equal(t, "-", touched)
	assert.Len(t, e.Rules(), most)
	w, _ = ask(request(0))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code, "those that are there go on")
	require.True(t, e.Remove("fault/status-503/app7"))
	w, _ = ask(request(most))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code, "there is room again")
}

// Clients that auth does not let in cannot use up the names, nor disturb those of others.
func TestOfStrangers(t *testing.T) {
	const most = 1024
	e := engine.New(memstore.New(memstore.Options{}))
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	late := e.AfterAuth(served)
	handler := e.ByName(names, e.BeforeAuth(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		late.ServeHTTP(w, r)
	})))
	get := func(repo, credentials string) int {
		r := httptest.NewRequest(http.MethodGet, "/v2/"+repo+"/manifests/v1", nil)
		r.Header.Set("Authorization", credentials)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	flood := func(n int) {
		for i := range n {
			require.Equal(t, http.StatusUnauthorized, get(fmt.Sprintf("fault/status-503/b%d", i), ""))
		}
	}
	var rules []faults.Rule // as those of strangers, but quickly
	for i := range most {
		name := fmt.Sprintf("fault/status-503/a%d", i)
		rules = append(rules, faults.On().Named(name).Where(record.Alias(name)).Optional().Do(faults.Status(http.StatusServiceUnavailable)))
	}
	require.NoError(t, e.Add(rules...))
	flood(10)
	assert.Len(t, e.Rules(), most)
	assert.Equal(t, http.StatusServiceUnavailable, get("fault/status-503/times-2/app", "Basic x"))
	flood(20)
	assert.Len(t, e.Rules(), most)
	assert.Equal(t, http.StatusServiceUnavailable, get("fault/status-503/times-2/app", "Basic x"))
	assert.Equal(t, http.StatusNoContent, get("fault/status-503/times-2/app", "Basic x"), "its counts were kept")
	for _, s := range e.Rules() {
		get(s.Rule.Name, "Basic x")
	}
	assert.Equal(t, http.StatusTooManyRequests, get("fault/status-503/more", "Basic x"), "whoever is let in is told")
	assert.Len(t, e.Rules(), most)
}

// FuzzNames: whatever the name is, it is answered, or its rules are such as could be
// written by hand.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"status-503/app", "delay-1h/times-2/on-blob.get/a", "reset-mid-blob/compress-gzip/a/b", "times-2/a", "trickle-0/a", "drop-header-null/a", "redirect-307/a", "corrupt-999999999999999/a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name = "fault/" + name; !op.ValidRepository(name) {
			t.Skip("no name of a repository")
		}
		e := engine.New(memstore.New(memstore.Options{}))
		e.Bind(effect.Site{Connections: true, Dead: "dead.test", External: func() (string, error) { return "cdn.test", nil }})
		var repo string
		handler := e.ByName(names, e.BeforeAuth(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { repo = inflight.Of(r.Context()).Info().Repo })))
		r := httptest.NewRequest(http.MethodGet, "/v2/x/tags/list", nil)
		r.URL.Path = "/v2/" + name + "/tags/list"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			require.Equal(t, http.StatusNotFound, w.Code)
			code, _ := refusal(t, w)
			require.Equal(t, "NAME_UNKNOWN", code)
			require.Empty(t, e.Rules())
			return
		}
		require.True(t, strings.HasSuffix(name, "/"+repo), "%s in %s", repo, name)
		require.NotEmpty(t, e.Rules())
		for _, s := range e.Rules() {
			text, err := json.Marshal(s.Rule)
			require.NoError(t, err)
			_, err = conf.Rules(text)
			require.NoError(t, err)
		}
	})
}
