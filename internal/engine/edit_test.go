package engine_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

const credentials = "Bearer x"

// A rule that changes the request acts before auth, which sees the changed request, and matches
// what the client sent. So do all other rules.
func TestRequestEdits(t *testing.T) {
	for name, test := range map[string]struct {
		rules   []faults.Rule
		request string
		header  []string // of the client
		status  int
		touched string
		query   string // that the registry sees
		field   string // of X-Own, likewise
	}{
		"drop the credentials": {
			[]faults.Rule{faults.On().Named("a").Do(faults.DropRequestHeader("Authorization"))},
			getV1, []string{"Authorization", credentials}, 401, "a", "", "",
		},
		"set the credentials": {
			[]faults.Rule{faults.On(op.ManifestGet).Named("a").Do(faults.SetRequestHeader("Authorization", credentials))},
			getV1, nil, 200, "a", "", "",
		},
		"nothing to drop": {
			[]faults.Rule{faults.On().Named("a").Do(faults.DropQuery()), faults.On().Named("b").Do(faults.Status(410))},
			getV1, []string{"Authorization", credentials}, 410, "b", "", "",
		},
		"two effects": {
			[]faults.Rule{faults.On().Named("a").Do(faults.DropQuery(), faults.SetRequestHeader("X-Own", "{target}"))},
			getV1 + "?a=b", []string{"Authorization", credentials}, 200, "a", "", "/v2/app/manifests/v1",
		},
		"two rules": {
			[]faults.Rule{
				faults.On().Named("a").Continue().Do(faults.SetRequestHeader("X-Own", "1")),
				faults.On().Named("b").Where(record.Not(record.Header("X-Own", "1"))).Do(faults.SetRequestHeader("X-Own", "2")),
			},
			getV1, []string{"Authorization", credentials}, 200, "a+b", "", "2",
		},
		"the same field twice": {
			[]faults.Rule{
				faults.On().Named("a").Continue().Do(faults.DropRequestHeader("X-Own")),
				faults.On().Named("b").Do(faults.DropRequestHeader("X-Own")),
			},
			getV1, []string{"Authorization", credentials, "X-Own", "1"}, 200, "a", "", "",
		},
		"a rule after auth matches what was sent": {
			[]faults.Rule{
				faults.On().Named("a").Continue().Do(faults.DropRequestHeader("X-Own")),
				faults.On().Named("b").Where(record.Header("X-Own", "1")).Do(faults.SetHeader("X-Late", "1")),
			},
			getV1, []string{"Authorization", credentials, "X-Own", "1"}, 200, "a+b", "", "",
		},
		"a rule after auth does not match what is served": {
			[]faults.Rule{
				faults.On().Named("a").Continue().Do(faults.SetRequestHeader("X-Own", "1")),
				faults.On().Named("b").Where(record.Header("X-Own", "1")).Do(faults.Status(500)),
			},
			getV1, []string{"Authorization", credentials}, 200, "a", "", "1",
		},
		"a rule on the answer": {
			[]faults.Rule{
				faults.On().Named("a").Continue().Do(faults.DropRequestHeader("Authorization")),
				faults.On().Named("b").Where(record.Status("401")).Do(faults.SetStatus(403)),
			},
			getV1, []string{"Authorization", credentials}, 403, "a+b", "", "",
		},
		"the first rule wins": {
			[]faults.Rule{
				faults.On().Named("a").Do(faults.SetRequestHeader("X-Own", "1")),
				faults.On().Named("b").Do(faults.Status(500)),
			},
			getV1, []string{"Authorization", credentials}, 200, "a", "", "1",
		},
		"the last step": {
			[]faults.Rule{faults.On().Named("a").Seq(faults.All(faults.SetRequestHeader("X-Own", "1"), faults.SetStatus(410)))},
			getV1, []string{"Authorization", credentials}, 410, "a", "", "1",
		},
		"before a rule that answers": {
			[]faults.Rule{
				faults.On().Named("late").Do(faults.Status(500)),
				faults.On().Named("a").Do(faults.SetRequestHeader("X-Own", "1")),
			},
			getV1, []string{"Authorization", credentials}, 500, "late", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, test.rules...)
			var served *http.Request
			registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				served = r
				w.WriteHeader(http.StatusOK)
			})
			w, touched := send(e.BeforeAuth(challenged(e.AfterAuth(registry))), test.request, test.header...)
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, test.touched, touched)
			if served != nil {
				assert.Equal(t, test.query, served.URL.RawQuery)
				assert.Equal(t, test.field, served.Header.Get("X-Own"))
			}
		})
	}
}

// Counts are of what the client sent, and the rule is not asked again.
func TestRequestEditsAreCounted(t *testing.T) {
	e := engine.New(nil)
	injected, err := e.Inject(faults.On(op.ManifestGet).After(1).Times(2).Do(faults.DropRequestHeader("Range")))
	require.NoError(t, err)
	var got []string
	registry := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Range")) })
	handler := e.BeforeAuth(challenged(e.AfterAuth(registry)))
	send(handler, getV1, "Authorization", credentials)
	send(handler, getV1, "Range", "1") // a challenge counts
	for _, set := range []string{"2", "3", "4"} {
		send(handler, getV1, "Range", set, "Authorization", credentials)
	}
	assert.Equal(t, []string{"", "", "", "4"}, got)
	assert.Equal(t, 3, injected[0].State().Seen, "requests with Range until the rule was over")
	assert.Equal(t, 2, injected[0].Hits())
}

// An interceptor stands in for the registry.
func TestInterceptorSeesEditedRequest(t *testing.T) {
	e := engineWith(t, faults.On(op.BlobMount).Do(faults.DropQuery()))
	var seen op.Op
	e.Intercept(func(_ http.ResponseWriter, r *http.Request, info *op.Info) bool {
		assert.Empty(t, r.URL.RawQuery)
		seen = info.Op
		return true
	})
	send(e.Wrap(found), "POST /v2/app/blobs/uploads/?mount="+layer+"&from=lib")
	assert.Equal(t, op.UploadStart, seen)
}

// What is behind shares what it learns with the recorder, which has the request that was sent.
func TestEditedRequestSharesItsState(t *testing.T) {
	e := engineWith(t, faults.On().Named("a").Do(faults.SetHost("other.example"), faults.DropQuery()))
	handler := e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, state := inflight.Begin(r)
		state.SetIdentity("ann", nil)
		assert.Equal(t, "other.example", r.Host)
	}))
	r, state := inflight.Begin(httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/?mount="+layer, nil))
	handler.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, op.BlobMount, state.Info().Op)
	assert.Equal(t, op.Learned{Subject: "ann", Faults: []string{"a"}, Served: []string{"for host other.example", "without query"}}, state.Learned())
	assert.Equal(t, "example.com", r.Host)
	assert.NotEmpty(t, r.URL.RawQuery)
}

func TestRequestEditsRefused(t *testing.T) {
	for want, rule := range map[string]faults.Rule{
		"set-request-header: values are missing":                                                  faults.On().Do(faults.SetRequestHeader("Accept")),
		`drop-request-header: "a b" is no name of a header field`:                                 faults.On().Do(faults.DropRequestHeader("a b")),
		"the field host cannot be changed on the way: use set-host":                               faults.On().Do(faults.SetRequestHeader("host", "a")),
		"the field Content-Length cannot be changed on the way: the server has read the body":     faults.On().Do(faults.DropRequestHeader("Content-Length")),
		"has a control character":                                                                 faults.On().Do(faults.SetRequestHeader("Accept", "a\r\nb")),
		`set-host: "" is no host`:                                                                 faults.On().Do(faults.SetHost("")),
		`set-host: "a/b" is no host`:                                                              faults.On().Do(faults.SetHost("a/b")),
		`set-host: "http://a" is no host`:                                                         faults.On().Do(faults.SetHost("http://a")),
		"drop-query acts on requests: use it with On, not OnConnect":                              faults.OnConnect().Do(faults.DropQuery()),
		"drop-request-header acts before there is one: use a rule with filters on the request":    faults.On().Where(record.Status("404")).Do(faults.DropRequestHeader("Range")),
		"set-field: path is missing":                                                              faults.On().Do(faults.SetField("", 1)),
		`drop-field: path "a..b", position 3: a part is empty`:                                    faults.On().Do(faults.DropField("a..b")),
		"rename-field: to is missing":                                                             faults.On().Do(faults.RenameField("a", "")),
		"replace-text: old is missing":                                                            faults.On().Do(faults.ReplaceText("", "a")),
		"set-field: value: json: unsupported type":                                                faults.On().Do(faults.SetField("a", func() {})),
		"set-field never acts on a request that the filters match: it does not act on [blob.head": faults.On(op.BlobHead).Do(faults.SetField("a", 1)),
		"func: name is missing":                                                                   faults.On().Do(faults.Func("", func(http.ResponseWriter, *http.Request, http.Handler) bool { return true })),
	} {
		assert.ErrorContains(t, engine.New(nil).Add(rule), want)
	}
}

// A rule that fires once calls its function for one request at a time, and for another one if the
// function did not act.
func TestFuncFiresOnce(t *testing.T) {
	var calls atomic.Int32
	var running sync.WaitGroup
	hold, inside := make(chan struct{}), make(chan struct{}, 1)
	e := engine.New(nil)
	injected, err := e.Inject(faults.On().Named("own").Times(1).Do(faults.Func("own", func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		n := calls.Add(1)
		inside <- struct{}{}
		<-hold
		next.ServeHTTP(w, r)
		return n == 2
	})))
	require.NoError(t, err)
	handler := e.Wrap(found)
	for _, hits := range []int{0, 1} {
		running.Go(func() { send(handler, getV1) })
		<-inside
		_, touched := send(handler, getV1)
		assert.Equal(t, "-", touched, "the function runs for another request")
		hold <- struct{}{}
		running.Wait()
		assert.Equal(t, hits, injected[0].Hits())
	}
	assert.Equal(t, int32(2), calls.Load())
	assert.True(t, injected[0].State().Over)
}

// A function behaves like a handler when it panics, and has acted then.
func TestFuncPanics(t *testing.T) {
	e := engine.New(nil)
	injected, err := e.Inject(faults.On().Named("own").Do(faults.Func("own", func(http.ResponseWriter, *http.Request, http.Handler) bool { panic("mistake") })))
	require.NoError(t, err)
	r, state := inflight.Begin(httptest.NewRequest(http.MethodGet, "/v2/", nil))
	assert.PanicsWithValue(t, "mistake", func() { e.Wrap(found).ServeHTTP(httptest.NewRecorder(), r) })
	assert.Equal(t, []string{"own"}, state.Learned().Faults)
	assert.Equal(t, 1, injected[0].Hits())
}

// A function can change what the registry answers, also in a rule on answers.
func TestFuncOnAnswers(t *testing.T) {
	e := engineWith(t, faults.On().Named("own").Where(record.Status("404")).Do(faults.Func("own", func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		w.WriteHeader(http.StatusTeapot)
		return true
	})))
	w, touched := send(e.Wrap(answering(404, unknownManifest)), getV1)
	assert.Equal(t, 418, w.Code)
	assert.Equal(t, "own", touched)
}

// An edit in a rule on answers has the body of the answer that the rule matches.
func TestEditOnAnswers(t *testing.T) {
	e := engineWith(t,
		faults.On().Named("a").Continue().Where(record.Code("MANIFEST_UNKNOWN")).Do(faults.SetField("errors.*.code", "GONE")),
		faults.On().Named("b").Where(record.Code("GONE")).Do(faults.SetStatus(410)))
	w, touched := send(e.Wrap(answering(404, unknownManifest)), getV1)
	assert.Equal(t, 404, w.Code)
	assert.Equal(t, "a", touched)
	assert.Equal(t, `{"errors":[{"code":"GONE"}]}`, w.Body.String())
	assert.Equal(t, "28", w.Header().Get("Content-Length"))
}
