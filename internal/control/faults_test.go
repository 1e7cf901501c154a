package control_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
)

type fault struct {
	Name       string
	Rule       faults.Rule
	Enabled    bool
	Seen, Hits int
	Done       bool
	Unfired    string
}

type faultList struct{ Faults []fault }

func names(list faultList) (all []string) {
	for _, f := range list.Faults {
		all = append(all, f.Name)
	}
	return all
}

func (f *fixture) status(t testing.TB, repo string) int {
	t.Helper()
	return f.ask(t, "GET", "/v2/"+repo+"/tags/list", "").StatusCode
}

func TestFaults(t *testing.T) {
	f := start(t, setup{})
	assert.JSONEq(t, `{"faults":[]}`, f.v1(t, 200, "GET", "faults", "").body, "never null")
	added := decode[faultList](t, f.v1(t, 201, "POST", "faults", `
- name: flaky
  where: repo=app
  times: 2
  do: [{status: {code: 503}}]
- do: [{status: 418}]
  where: repo=tea
`).body)
	assert.Equal(t, []string{"flaky", "fault-1"}, names(added))
	assert.Equal(t, 503, f.status(t, "app"))
	got := get[fault](t, f, "faults/flaky")
	assert.Equal(t, []any{1, 1, false, true, "fired 1 of 2 times"}, []any{got.Seen, got.Hits, got.Done, got.Enabled, got.Unfired})
	assert.Equal(t, "repo=app", got.Rule.Filters[0].String())

	got = decode[fault](t, f.v1(t, 200, "PATCH", "faults/flaky", `{"enabled":false}`).body)
	assert.False(t, got.Enabled)
	assert.Equal(t, 404, f.status(t, "app"))
	f.v1(t, 200, "PATCH", "faults/flaky", `{"enabled":true}`)
	assert.Equal(t, 503, f.status(t, "app"))
	assert.Equal(t, 404, f.status(t, "app"), "it is over")
	assert.True(t, get[fault](t, f, "faults/flaky").Done)

	f.v1(t, 200, "PUT", "faults/flaky", `{"where":"repo=app","do":[{"status":429}]}`)
	assert.Equal(t, 429, f.status(t, "app"))
	assert.Equal(t, []string{"flaky", "fault-1"}, names(get[faultList](t, f, "faults")), "in the place of the old one")
	before := f.v1(t, 200, "GET", "faults/flaky", "").body
	f.v1(t, 400, "PUT", "faults/flaky", `{"do":[{"revoke-tokens":{}}]}`)
	assert.Equal(t, before, f.v1(t, 200, "GET", "faults/flaky", "").body, "a rule that cannot act changes nothing")
	assert.Contains(t, decode[refusal](t, f.v1(t, 400, "PUT", "faults/flaky", `[{"do":["pass"]},{"do":["zeros"]}]`).body).Error.Message, "want one rule, not 2")

	f.v1(t, 204, "DELETE", "faults/fault-1", "")
	assert.Equal(t, 404, f.status(t, "tea"))
	f.v1(t, 204, "DELETE", "faults", "")
	assert.Empty(t, get[faultList](t, f, "faults").Faults)
	assert.Equal(t, 404, f.status(t, "app"))
}

// TestFaultNames may be anything.
// Edits go through the API as they are written. A function is listed by its name, and only Go can
// add one.
func TestFaultsOfGo(t *testing.T) {
	f := start(t, setup{})
	const edits = `[{"set-field":{"path":"a.*","value":12345678901234567890.0,"digest":true}},{"drop-request-header":{"name":"Range"}},"drop-query",{"set-host":{"host":"a:1"}}]`
	f.v1(t, 201, "POST", "faults", `{"name":"edits","do":`+edits+`}`)
	assert.Contains(t, f.v1(t, 200, "GET", "faults/edits", "").body, edits)

	own := faults.Func("own function", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		w.WriteHeader(http.StatusTeapot)
		return true
	})
	require.NoError(t, f.faults.Replace([]string{"edits"}, faults.On().Named("own").Do(own)))
	assert.Equal(t, 418, f.status(t, "app"))
	listed := f.v1(t, 200, "GET", "faults/own", "").body
	assert.Contains(t, listed, `"rule":{"name":"own","do":[{"func":{"name":"own function"}}]}`)
	assert.Contains(t, listed, `"hits":1`)
	refused := f.v1(t, 400, "POST", "faults", `{"do":[{"func":"own function"}]}`).body
	assert.Contains(t, refused, "text can only list by its name: use faults.Func in Go")
}

func TestFaultNames(t *testing.T) {
	f := start(t, setup{})
	for _, name := range []string{"a/b", "..", ".", "a b", "%2F", "ä", "a?b#c", `"`, "<script>", "known/x", "faults"} {
		path := "faults/" + url.PathEscape(name)
		if name == "." || name == ".." {
			path = "faults/%2e" + map[string]string{"..": "%2e"}[name]
		}
		raw := func(r *http.Request) { r.URL.Opaque = "/_ocifake/v1/" + path }
		f.v1(t, 201, "PUT", "faults/x", "do: [pass]", raw)
		got := decode[fault](t, f.v1(t, 200, "GET", "faults/x", "", raw).body)
		assert.Equal(t, name, got.Name)
		f.v1(t, 204, "DELETE", "faults/x", "", raw)
	}
}

func TestKnown(t *testing.T) {
	f := start(t, setup{})
	type knownFault struct {
		known.Fault
		Rules []faults.Rule
	}
	all := get[[]knownFault](t, f, "faults/known")
	assert.Len(t, all, len(known.All()))
	one := get[knownFault](t, f, "faults/known/"+all[0].Name)
	assert.Equal(t, all[0].What, one.What)
	assert.Len(t, one.Rules, len(all[0].Rules))
	assert.NotEmpty(t, one.Rules)
	refused := decode[refusal](t, f.v1(t, 400, "POST", "faults/known/reset-mid-blob?where=tag%3Dv1", "").body).Error
	assert.Contains(t, refused.Message, "its filters together match no request", "a blob has no tag")
	added := decode[faultList](t, f.v1(t, 201, "POST", "faults/known/reset-mid-blob?where="+url.QueryEscape("repo=app"), "").body)
	require.NotEmpty(t, added.Faults)
	assert.Equal(t, "reset-mid-blob", added.Faults[0].Name)
	assert.Contains(t, added.Faults[0].Rule.String(), "repo=app")
	assert.Equal(t, "never fired: no request matched its filters", added.Faults[0].Unfired, "as in Go")
	e := decode[refusal](t, f.v1(t, 404, "GET", "faults/known/reset-mid-blobs", "").body).Error
	assert.Contains(t, e.Message, "did you mean")
	for _, p := range all {
		f.v1(t, 204, "DELETE", "faults", "")
		a := f.ask(t, "POST", "/_ocifake/v1/faults/known/"+p.Name, "")
		assert.Contains(t, []int{201, 400}, a.StatusCode, "%s: %s", p.Name, a.body) // 400: what needs tokens
	}
}

// TestFaultsAtOnce are changed by many: each change is whole.
func TestFaultsAtOnce(t *testing.T) {
	f := start(t, setup{})
	f.v1(t, 201, "POST", "faults", `[{"name":"a","do":[{"status":500}]}]`)
	var changing sync.WaitGroup
	for _, code := range []string{"501", "502", "503", "504"} {
		changing.Go(func() {
			for range 20 {
				a := f.ask(t, "PUT", "/_ocifake/v1/faults/a", `{"do":[{"status":`+code+`}]}`)
				assert.Equal(t, http.StatusOK, a.StatusCode)
			}
		})
		changing.Go(func() {
			for range 20 {
				status := f.ask(t, "GET", "/v2/app/tags/list", "").StatusCode
				assert.Equal(t, 5, status/100, "there is a rule at any time")
			}
		})
	}
	changing.Wait()
	assert.Len(t, f.faults.Rules(), 1)
}
