package record_test

import (
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// fetched are three fetches of one blob, two of them at the same time, and a push
// that failed.
func fetched() record.Log {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	get := func(seq, conn uint64, at time.Duration) record.Exchange {
		x := record.Exchange{Seq: seq, Conn: conn, Start: start.Add(at), Duration: time.Second, Status: 200, ResponseBytes: 10}
		x.Op, x.Repo, x.Method, x.Digest = op.BlobGet, "app", "GET", digest.FromString("layer")
		return x
	}
	put := record.Exchange{Seq: 4, Conn: 2, Start: start.Add(time.Hour), Status: 503, RequestBytes: 7}
	put.Op, put.Repo, put.Tag, put.Method = op.ManifestPut, "app", "v1", "PUT"
	return record.Log{get(1, 1, 0), get(2, 2, time.Millisecond), get(3, 2, time.Minute), put}
}

func TestExpectations(t *testing.T) {
	for _, test := range []struct{ text, form, found string }{
		{"op=blob.get count==3", "", ""},
		{"op=blob.get count!=3", "", "count is 3"},
		{"op=blob.get count>=3 count<=3", "", ""},
		{"op=blob.get count>3", "", "count is 3"},
		{"op=blob.get count<3", "", "count is 3"},
		{"op=blob.get   repo=app\tcount<4 ", "op=blob.get repo=app count<4", ""},
		{"status=5xx", "status=5xx count>=1", ""},
		{"status=429", "status=429 count>=1", "count is 0"},
		{"status=429 count==0", "", ""},
		{"count==4", "", ""},
		{"op=blob.get count=3", "op=blob.get count==3", ""},
		{"op=blob.get count >= 3\tcount <=3 inflight = 1", "op=blob.get count>=3 count<=3 inflight==1", "inflight is 2"},
		{"count = 4", "count==4", ""},
		{"op=blob.get inflight<=1 repeated==0 connections==1", "", "inflight is 2, repeated is 1, connections is 2"},
		{"bytesin==7 bytesout==30", "", ""},
		{`ua="a count==3"`, `ua="a count==3" count>=1`, "count is 0"},
	} {
		t.Run(test.text, func(t *testing.T) {
			e, err := record.ParseExpectation(test.text)
			require.NoError(t, err)
			form := test.form
			if form == "" {
				form = test.text
			}
			assert.Equal(t, form, e.String())
			again, err := record.ParseExpectation(e.String())
			require.NoError(t, err)
			assert.Equal(t, form, again.String())
			if test.found == "" {
				assert.NoError(t, e.Judge(fetched()))
			} else {
				assert.EqualError(t, e.Judge(fetched()), "want "+form+": "+test.found)
			}
		})
	}
}

func TestWrongExpectations(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "it is empty: want filters, a measure such as count==3, or both",
		" ":                               "it is empty",
		"count==99999999999999999999":     "count==99999999999999999999: the number is too large",
		"op=blob.got":                     "blob.got",
		"count==3 op=blob.get":            "a measure, such as count==3 or inflight<=4, stands behind all filters",
		"op=blob.get count=many":          `count=many: "many" is no number: want digits only, as in count==3`,
		"op=blob.get count<=many":         `count<=many: "many" is no number: want digits only, as in count<=3`,
		"op=blob.get count":               `count: a measure is compared with a number: want, for example, count==3`,
		"count":                           `count: a measure is compared with a number: want, for example, count==3`,
		"op=blob.get count=>1":            `count=>1: "=>" is no comparison: want count>=1`,
		"op=blob.get count <> 1":          `count <> 1: "<>" is no comparison: want count!=1`,
		"op=blob.get count ~ 1":           `count ~ 1: "~" is no comparison: want ==, !=, <, <=, > or >=`,
		"bytesin>=1MiB":                   `bytesin>=1MiB: "1MiB" is no number: want digits only, as in bytesin>=1048576`,
		"op=ping count>= inflight==1":     `count>=: "" is no number: want digits only, as in count>=3`,
		"op=blob.get counts==3":           "counts",
		"op=blob.get count = = 3":         "count",
		"op=blob.get count==3 count==3.5": "count",
	} {
		_, err := record.ParseExpectation(text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestExpectationMarksNearMisses(t *testing.T) {
	marked := func(text string) string {
		e, err := record.ParseExpectation(text)
		require.NoError(t, err)
		return e.Journal(fetched())
	}
	assert.Regexp(t, `(?m)^> 4 `, marked("op=manifest.put tag=v1 status=2xx"))
	assert.NotRegexp(t, `(?m)^> 1 `, marked("op=manifest.put tag=v1 status=2xx"))
	assert.Regexp(t, `(?m)^> 1 `, marked("op=blob.get count==1"))
	assert.NotRegexp(t, `(?m)^>`, marked("op=token"), "one filter is nearly met by everything")
}

func FuzzParseExpectation(f *testing.F) {
	for _, text := range []string{"op=blob.get count==3", `ua="x y" inflight<=2 repeated==0`, "count==", "=", `"`} {
		f.Add(text)
	}
	log := fetched()
	f.Fuzz(func(t *testing.T, text string) {
		e, err := record.ParseExpectation(text)
		if err != nil {
			return
		}
		again, err := record.ParseExpectation(e.String())
		require.NoError(t, err, e.String())
		assert.Equal(t, e.String(), again.String())
		assert.Equal(t, e.Judge(log) == nil, again.Judge(log) == nil)
	})
}
