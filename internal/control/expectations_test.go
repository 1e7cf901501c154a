package control_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/server"
)

type judgement struct {
	OK      bool
	Results []struct {
		Expect  string
		OK      bool
		Message string
	}
	Journal string
}

func (f *fixture) judge(t testing.TB, body string) judgement {
	t.Helper()
	return decode[judgement](t, f.v1(t, http.StatusOK, "POST", "expectations", body).body)
}

func TestExpectations(t *testing.T) {
	f := start(t, setup{})
	f.pull(t, "a", "b", "a")
	j := f.judge(t, `{"expect": ["repo=a count==2", "repo=b"]}`)
	assert.True(t, j.OK)
	assert.Empty(t, j.Journal)
	require.Len(t, j.Results, 2)
	assert.True(t, j.Results[0].OK)
	assert.Equal(t, "repo=b count>=1", j.Results[1].Expect)
	assert.Empty(t, j.Results[1].Message)

	j = f.judge(t, `{"expect": ["repo=a count==2", "repo=b count>=2", "status=5xx"]}`)
	assert.False(t, j.OK)
	assert.True(t, j.Results[0].OK)
	assert.False(t, j.Results[1].OK)
	assert.Contains(t, j.Results[1].Message, "count is 1")
	assert.Contains(t, j.Results[2].Message, "count is 0")
	assert.Contains(t, j.Journal, "tag.list")
}

// TestExpectationsWait until all hold at the same time.
func TestExpectationsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, setup{network: new(server.Network)})
		var later sync.WaitGroup
		later.Go(func() {
			for range 3 {
				time.Sleep(time.Second)
				f.pull(t, "a")
			}
		})
		began := time.Now()
		assert.True(t, f.judge(t, `{"expect": ["repo=a count==2"], "timeout": "1h"}`).OK)
		assert.Equal(t, 2*time.Second, time.Since(began))
		later.Wait()
		began = time.Now()
		j := f.judge(t, `{"expect": ["repo=a count==2"], "timeout": "1m30s"}`)
		assert.False(t, j.OK)
		assert.Contains(t, j.Results[0].Message, "count is 3")
		assert.NotEmpty(t, j.Journal)
		assert.Equal(t, 90*time.Second, time.Since(began))
	})
}

// TestExpectationsEnd when the client leaves, and when the API is closed.
func TestExpectationsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, setup{network: new(server.Network)})
		const body = `{"expect": ["repo=a"], "timeout": "1h"}`
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := f.try(ctx, "POST", "/_ocifake/v1/expectations", strings.NewReader(body))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var closing sync.WaitGroup
		closing.Go(func() {
			time.Sleep(time.Minute)
			f.api.Close()
		})
		assert.False(t, f.judge(t, body).OK)
		assert.Equal(t, 2*time.Minute, time.Since(began))
		closing.Wait()
	})
}

// TestBodies that are not as they must be: the answer says where and why.
func TestBodies(t *testing.T) {
	f := start(t, setup{})
	for _, test := range []struct {
		target, body string
		field        string
		line, column int
		message      string
	}{
		{"expectations", ``, "", 1, 1, "unexpected end of JSON"},
		{"expectations", `[]`, "", 1, 1, "want a JSON object"},
		{"expectations", `{}`, "expect", 0, 0, "expect: want a list of 1 to 1000 expectations"},
		{"expectations", `{"expect":`, "", 1, 11, "unexpected end of JSON"},
		{"expectations", "{\n \"expect\": [\"repo=a\"],\n \"expects\": 1}", "expects", 3, 2, "expects: unknown field: did you mean expect?"},
		{"expectations", `{"Expect": ["repo=a"]}`, "Expect", 1, 2, "Expect: unknown field: did you mean expect?"},
		{"expectations", `{"expect": ["repo=a"], "expect": ["repo=b"]}`, "expect", 1, 24, "expect: duplicate field"},
		{"expectations", `{"expect": "repo=a"}`, "expect", 1, 12, "expect: unexpected JSON string"},
		{"expectations", `{"expect": null}`, "expect", 1, 12, "expect: unexpected null"},
		{"expectations", `{"expect": ["repo=a"]} {}`, "", 1, 24, "unexpected data after the JSON object"},
		{"expectations", `{"expect": ["repo=a"]}x`, "", 1, 23, "unexpected data after the JSON object"},
		{"expectations", `{"expect": [repo=a]}`, "", 1, 12, "invalid character"},
		{"expectations", `{"expect": ["repo=a", "nothing=5 count==3"]}`, "expect[1]", 0, 0, `expect[1]: filter "nothing=5"`},
		{"expectations", `{"expect": ["repo=a"], "timeout": "5"}`, "timeout", 0, 0, `timeout: "5" is not a duration from 0s to 1h0m0s`},
		{"expectations", `{"expect": ["repo=a"], "timeout": "-5s"}`, "timeout", 0, 0, `timeout: "-5s" is not a duration`},
		{"expectations", `{"expect": ["repo=a"], "timeout": "2h"}`, "timeout", 0, 0, `timeout: "2h" is not a duration`},
		{"expectations", `{"expect": ["repo=a"], "timeout": ""}`, "timeout", 0, 0, `timeout: "" is not a duration`},
		{"expectations", `{"expect": [` + strings.Repeat(`"a",`, 1000) + `"a"]}`, "expect", 0, 0, "expect: want a list of 1 to 1000"},
		{"expectations", strings.Repeat("[", 20000), "", 1, 1, "want a JSON object"},
		{"generate", `{"generate": ["app:v1", "app:{"]}`, "generate[1]", 0, 0, "generate[1]: "},
		{"generate", `{"generate": []}`, "generate", 0, 0, "generate: want a list of 1 to 100 texts"},
		{"faults", ``, "body", 0, 0, "body: want at least one rule"},
		{"faults", `[]`, "body", 0, 0, "body: want at least one rule"},
		{"faults", "- name: a\n  do:\n  - status: {code: 5033}\n", "", 0, 0, "status: 5033 is no status"},
		{"faults", "- name: a\n  do:\n  - status: {cod: 503}\n", "[0].do[0].status.cod", 3, 14, `[0].do[0].status.cod: unknown field: did you mean code?`},
		{"faults", "name: a\nwhere: statuses=5xx\ndo: [pass]", "where", 2, 8, "there is nothing called"},
		{"faults", "[", "", 1, 0, ""},
		{"faults", "\xff", "", 0, 0, "not UTF-8"},
		{"faults", "- {name: a, do: [pass]}\n- {name: a, do: [pass]}", "[1]", 2, 3, "there is another one with this name"},
		{"faults", "name: a\ndo: [revoke-tokens]", "", 0, 0, "the registry has no auth"},
	} {
		a := f.v1(t, http.StatusBadRequest, "POST", test.target, test.body)
		e := decode[refusal](t, a.body).Error
		assert.Contains(t, e.Message, test.message, test.body)
		if test.message != "status: 5033 is no status" { // where it is, is that of the rule
			assert.Equal(t, test.field, e.Field, "%s: %s", test.body, e.Message)
			assert.Equal(t, [2]int{test.line, test.column}, [2]int{e.Line, e.Column}, "%s: %s", test.body, e.Message)
		}
	}
	assert.Empty(t, f.faults.Rules(), "nothing was added")
}

func TestParameterErrors(t *testing.T) {
	f := start(t, setup{})
	for _, test := range []struct{ target, field, message string }{
		{"requests?filter=repo", "filter", "filter: filter \"repo\": repo needs a value"},
		{"requests?limit=0", "limit", `limit: "0" is not a number from 1 to 10000`},
		{"requests?limit=10001", "limit", `"10001" is not a number`},
		{"requests?limit=1e2", "limit", `"1e2" is not a number`},
		{"requests?limit=%2B1x", "limit", `"+1x" is not a number`},
		{"requests?after=-1", "after", `"-1" is not a whole number`},
		{"requests?after=99999999999999999999", "after", "is not a whole number"},
		{"requests?tail=5&limit=5", "tail", "want either tail or limit"},
		{"requests?Filter=repo%3Da", "Filter", "unknown parameter: did you mean filter?"},
		{"requests?limit=1&limit=2", "limit", "want one value, not 2"},
		{"requests?a;b", "query", "semicolon"},
		{"requests/x", "seq", `"x" is not a whole number`},
		{"info?x", "x", "unknown parameter: want no parameters"},
		{"tags", "repo", "missing parameter"},
		{"tags?repo=", "repo", "missing parameter"},
		{"tags?repo=A", "repo", `"A" is not a valid repository name`},
		{"manifest?repo=a&ref=sha256:x", "ref", `"sha256:x" is neither a valid tag nor a digest`},
	} {
		e := decode[refusal](t, f.v1(t, http.StatusBadRequest, "GET", test.target, "").body).Error
		assert.Equal(t, test.field, e.Field, test.target)
		assert.Contains(t, e.Message, test.message, test.target)
	}
}
