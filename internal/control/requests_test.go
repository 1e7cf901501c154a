package control_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
)

func seqs(log record.Log) string {
	var all []string
	for _, x := range log {
		all = append(all, fmt.Sprint(x.Seq))
	}
	return strings.Join(all, " ")
}

func TestRequests(t *testing.T) {
	f := start(t, setup{})
	assert.Equal(t, `[]`, between(f.v1(t, 200, "GET", "requests", "").body, `"requests":`, `,"dropped"`), "never null")
	f.pull(t, "a", "b", "a", "c", "a", "b", "a")
	for _, test := range []struct{ query, want string }{
		{"", "1 2 3 4 5 6 7"},
		{"?limit=2", "1 2"},
		{"?after=2&limit=2", "3 4"},
		{"?tail=2", "6 7"},
		{"?tail=2&before=6", "4 5"},
		{"?before=3", "1 2"},
		{"?before=1", ""},
		{"?before=1&tail=3", ""},
		{"?after=7", ""},
		{"?after=9&tail=3", ""},
		{"?filter=repo%3Da", "1 3 5 7"},
		{"?filter=repo%3Da&tail=1", "7"},
		{"?filter=repo%3Dc&tail=1", "4"},
		{"?filter=repo%3Db&tail=9&after=2", "6"},
		{"?filter=status%3D404+repo%3Db&limit=1", "2"},
		{"?filter=&limit=1", "1"},
	} {
		list := get[list](t, f, "requests"+test.query)
		assert.Equal(t, test.want, seqs(list.Requests), test.query)
	}
	assert.Equal(t, 4, get[map[string]int](t, f, "requests/count?filter=repo%3Da")["count"])
	x := get[record.Exchange](t, f, "requests/4")
	assert.Equal(t, "c", x.Repo)
	f.v1(t, 404, "GET", "requests/8", "")
	assert.EqualValues(t, 7, f.recorder.Mark(), "none of this is recorded")
	f.v1(t, 204, "DELETE", "requests", "")
	assert.Empty(t, get[list](t, f, "requests").Requests)
	f.v1(t, 404, "GET", "requests/4", "")
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

// TestManyRequests: a page of the newest is found without looking at all others.
func TestManyRequests(t *testing.T) {
	f := start(t, setup{})
	const n = 3000
	for range n {
		f.pull(t, "app")
	}
	list := get[list](t, f, "requests?tail=1000&before=2500")
	require.Len(t, list.Requests, 1000)
	assert.EqualValues(t, 1500, list.Requests[0].Seq)
	assert.EqualValues(t, 2499, list.Requests[999].Seq)
}

func TestDownloads(t *testing.T) {
	f := start(t, setup{})
	f.pull(t, "a", "b", "a")
	for _, test := range []struct {
		name, mediaType string
		read            func(text string) (record.Log, error)
	}{
		{"requests.har", "application/json", func(s string) (record.Log, error) { return record.ReadHAR(strings.NewReader(s)) }},
		{"requests.jsonl", "application/jsonl", func(s string) (record.Log, error) { return record.ReadJSONL(strings.NewReader(s)) }},
	} {
		a := f.v1(t, 200, "GET", test.name+"?filter=repo%3Da", "")
		assert.Equal(t, test.mediaType, a.Header.Get("Content-Type"))
		assert.Equal(t, `attachment; filename="`+test.name+`"`, a.Header.Get("Content-Disposition"))
		log, err := test.read(a.body)
		require.NoError(t, err)
		assert.Equal(t, "1 3", seqs(log))
	}
	assert.Equal(t, f.recorder.Log().Journal(), f.v1(t, 200, "GET", "journal.txt", "").body)
	assert.Equal(t, f.recorder.Log().Transcript(), f.v1(t, 200, "GET", "transcript.txt", "").body)
	a := f.v1(t, http.StatusOK, "HEAD", "journal.txt", "")
	assert.Equal(t, "text/plain; charset=utf-8", a.Header.Get("Content-Type"))
	assert.Empty(t, a.body)
}
