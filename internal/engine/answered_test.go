package engine_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// answering answers every request with a status and a body.
func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("X-Own", "registry")
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

const unknownManifest = `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`

// The handlers are in the order of a server's: auth between the stages.
func TestRulesOnAnswers(t *testing.T) {
	missing, stored := answering(404, unknownManifest), answering(200, strings.Repeat("x", 100_000))
	credentials := []string{"Authorization", "Bearer x"}
	for name, test := range map[string]struct {
		rules    []faults.Rule
		registry http.Handler
		header   []string
		status   int
		body     string // how it begins
		touched  string
	}{
		"another status for one": {
			[]faults.Rule{faults.On(op.ManifestGet).Named("a").Where(record.Status("404")).Do(faults.Status(500))},
			missing, credentials, 500, "Internal Server Error", "a",
		},
		"not for another": {
			[]faults.Rule{faults.On(op.ManifestGet).Named("a").Where(record.Status("404")).Do(faults.Status(500))},
			stored, credentials, 200, "xxx", "-",
		},
		"by code": {
			[]faults.Rule{faults.On().Named("a").Where(record.Code("MANIFEST_*")).Do(faults.SetStatus(410))},
			missing, credentials, 410, unknownManifest, "a",
		},
		"by another code": {
			[]faults.Rule{faults.On().Named("a").Where(record.Code("BLOB_*")).Do(faults.SetStatus(410))},
			missing, credentials, 404, unknownManifest, "-",
		},
		"of auth": {
			[]faults.Rule{faults.On().Named("a").Where(record.Status("401")).Do(faults.SetHeader("X-Own", "changed"))},
			stored, nil, 401, "", "a",
		},
		"by function": {
			[]faults.Rule{faults.On().Named("a").Where(record.Status("2xx"), record.Match(func(x *record.Exchange) bool { return x.ResponseHeader.Get("X-Own") != "" })).Do(faults.Truncate(2))},
			stored, credentials, 200, "xx", "a",
		},
		"not what another rule answers": {
			[]faults.Rule{faults.On().Named("a").Do(faults.Status(503)), faults.On().Named("b").Where(record.Status("503")).Do(faults.Status(500))},
			stored, credentials, 503, "Service Unavailable", "a",
		},
		"not what another rule answers before auth": {
			[]faults.Rule{faults.On().Named("a").BeforeAuth().Do(faults.Status(503)), faults.On().Named("b").Where(record.Status("503")).Do(faults.Status(500))},
			stored, credentials, 503, "Service Unavailable", "a",
		},
		"beside a rule on requests": {
			[]faults.Rule{faults.On().Named("a").Do(faults.SetHeader("X-Other", "1")), faults.On().Named("b").Where(record.Status("404")).Do(faults.SetStatus(410))},
			missing, credentials, 410, unknownManifest, "b+a",
		},
		"the first wins": {
			[]faults.Rule{faults.On().Named("a").Where(record.Status("4xx")).Do(faults.SetStatus(410)), faults.On().Named("b").Where(record.Status("404")).Do(faults.SetStatus(400))},
			missing, credentials, 410, unknownManifest, "a",
		},
		"continue": {
			[]faults.Rule{faults.On().Named("a").Continue().Where(record.Status("4xx")).Do(faults.SetHeader("X-Own", "changed")), faults.On().Named("b").Where(record.Status("404")).Do(faults.SetStatus(400))},
			missing, credentials, 400, unknownManifest, "b+a",
		},
		"request and answer": {
			[]faults.Rule{faults.On().Named("a").Where(record.Header("X-Not"), record.Status("404")).Do(faults.SetStatus(400))},
			missing, credentials, 404, unknownManifest, "-",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, test.rules...)
			w, touched := send(e.BeforeAuth(challenged(e.AfterAuth(test.registry))), getV1, test.header...)
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, test.body, w.Body.String()[:min(len(test.body), w.Body.Len())])
			assert.Equal(t, test.touched, touched)
		})
	}
}

// A rule counts the answers that its filters match.
func TestCountsOfAnswers(t *testing.T) {
	e := engineWith(t, faults.On().Named("a").Where(record.Status("404")).After(1).Times(1).Do(faults.SetStatus(410)))
	status := []int{404, 200, 404, 404}
	var got []int
	for _, s := range status {
		w, _ := send(e.Wrap(answering(s, "")), getV1)
		got = append(got, w.Code)
	}
	assert.Equal(t, []int{404, 200, 410, 404}, got)
	assert.Equal(t, 1, e.Rules()[0].Hits)
}

// What is written after the header goes on its way at once, and errors of writing reach
// the handler.
func TestAnswersAreNotStored(t *testing.T) {
	reached := make(chan struct{})
	e := engineWith(t, faults.On(op.BlobGet).Where(record.Status("200")).Do(faults.SetHeader("X-Own", "changed")))
	server := httptest.NewServer(e.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		assert.NoError(t, http.NewResponseController(w).Flush())
		<-reached // the client has the first part
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})))
	defer server.Close()
	response, err := http.Get(server.URL + "/v2/app/blobs/" + layer)
	require.NoError(t, err)
	first := make([]byte, 5)
	_, err = io.ReadFull(response.Body, first)
	require.NoError(t, err)
	assert.Equal(t, "first", string(first))
	assert.Equal(t, "changed", response.Header.Get("X-Own"))
	close(reached)
	require.NoError(t, response.Body.Close())
}

// A handler that gives up gives up the answer.
func TestPanicsPassRulesOnAnswers(t *testing.T) {
	for name, before := range map[string]func(w http.ResponseWriter){
		"before the header": func(http.ResponseWriter) {},
		"after it":          func(w http.ResponseWriter) { w.WriteHeader(200) },
		"of an error":       func(w http.ResponseWriter) { http.Error(w, "no", 404) },
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, faults.On().Where(record.Status("xxx")).Do(faults.SetStatus(202)))
			handler := e.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				before(w)
				panic(http.ErrAbortHandler)
			}))
			assert.PanicsWithValue(t, http.ErrAbortHandler, func() { handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v2/", nil)) })
		})
	}
}

func TestRulesOnAnswersAreChecked(t *testing.T) {
	missing := faults.On().Where(record.Status("404"))
	for want, rule := range map[string]faults.Rule{
		"filter left is about an exchange that has ended, which is too late for a rule":                                        faults.On().Where(record.Left()).Do(faults.Status(500)),
		"filter since=3 is about an exchange that has ended":                                                                   faults.On().Where(record.Since(3)).Do(faults.Status(500)),
		"until: filter status=404 is on the answer, and a rule ends when a request begins: use filters on the request":         faults.On().Until(record.Status("404")).Do(faults.Status(500)),
		"filter status=404 is on the answer, and those of auth are among them anyway: leave out beforeAuth":                    missing.BeforeAuth().Do(faults.Status(500)),
		"filter status=404 is on the answer: delay acts before there is one: use delay-reply":                                  missing.Do(faults.Delay(time.Second)),
		"filter status=404 is on the answer: lose-upload acts before there is one: use a rule with filters on the request":     missing.Seq(faults.Pass(), faults.All(faults.LoseUpload())),
		"filter status=404 is on the answer: reset of the request acts before: leave out request, and it acts on the answer":   missing.Do(faults.Reset(10).OfRequest()),
		"filter status=404 is on the answer: trickle of the request acts before: leave out request, and it acts on the answer": missing.Do(faults.Trickle(1, time.Second).OfRequest()),
	} {
		assert.ErrorContains(t, rule.Check(), want)
	}
}
