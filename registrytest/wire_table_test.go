package registrytest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/record"
)

// wireCase is what effects do to one request, or in a longer conversation.
type wireCase struct {
	name string
	do   []faults.Effect
	ask  func(w *wire) rawAsk // nil: the blob of 1000 bytes
	want func(w *wire) seen
	only func(wireForm) bool // nil: every form

	talk func(t *testing.T, w *wire) // in place of ask and want; injects the effects itself
}

// seen is what must come of an answer.
type seen struct {
	status int    // 0: nothing of an answer
	header string // lines that differ from the header without the fault: "Name: value" or "-Name"
	alone  bool   // they are all of the header, but for Date
	body   []byte
	raw    string
	end    string // whole if empty
	end2   string // in HTTP/2; as end if empty
	pace   []portion
	took   time.Duration
}

// allCases are those of every table.
func allCases() []wireCase {
	return slices.Concat(answerCases, headerCases, contentCases, rangeCases, cutCases(), gracefulCases, closeIdleCases, timingCases,
		uploadCases, cutUploadCases(), editCases, limitCases, pushCases, lagCases, connectCases, combinedCases, redirectCases, requestCases, funcCases, changeCases)
}

// TestWireKinds: there is a case for every effect that can be written in text.
func TestWireKinds(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range allCases() {
		for _, e := range c.do {
			tested[kindOf(t, e)] = true
		}
	}
	for _, k := range effect.Kinds() {
		assert.True(t, tested[k.Name], "no case on the wire for %s", k.Name)
	}
}

// kindOf returns the name of an effect in text.
func kindOf(t *testing.T, e faults.Effect) string {
	t.Helper()
	text, err := json.Marshal(faults.On().Do(e))
	require.NoError(t, err)
	var rule struct{ Do []any }
	require.NoError(t, json.Unmarshal(text, &rule))
	if arguments, ok := rule.Do[0].(map[string]any); ok {
		return slices.Collect(maps.Keys(arguments))[0]
	}
	return rule.Do[0].(string)
}

// runWire runs each case in a sample of the forms that it is for.
func runWire(t *testing.T, cases []wireCase) {
	t.Helper()
	shelf := newShelf(t)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			shelf.each(t, sampleOf(formsOf(c.only), i), func(t *testing.T, w *wire) {
				if c.talk != nil {
					c.talk(t, w)
				} else {
					c.run(t, w)
				}
			})
		})
	}
}

// wireRule is the name of the rule that is tested.
const wireRule = "wire"

func (w *wire) inject(t testing.TB, rule faults.Rule) {
	t.Helper()
	w.reg.Inject(t, rule.Named(wireRule))
}

// run asks once without the effects and once with them.
func (c wireCase) run(t *testing.T, w *wire) {
	q := w.blob(w.small)
	if c.ask != nil {
		q = c.ask(w)
	}
	clean := ask(t, w.talk(t), q)
	require.Equal(t, whole, clean.end)
	want := c.want(w)
	idle := want.idle(t, c.do, clean, q)
	rule := faults.On().Times(1).Do(c.do...)
	if idle {
		rule = rule.Optional()
	}
	w.inject(t, rule)
	talk := w.talk(t)
	got := ask(t, talk, q)
	if want.end == rst && want.status != 0 {
		skipUnlessDelivered(t, w)
	}
	want.check(t, w, got, w.expected(want, clean), q)
	if idle {
		w.reg.Require(t, record.Faulted(wireRule)).Count(0)
		assert.Zero(t, w.reg.Faults().Rules()[0].Hits, "nothing happened")
		requireSame(t, clean, got)
		return
	}
	w.checkRecord(t, got)
	if got.end == whole || strings.HasPrefix(got.end, "RST_STREAM") {
		requireSame(t, clean, ask(t, talk, q)) // the connection works on
	}
	requireSame(t, clean, ask(t, w.talk(t), q)) // nobody has written into the content
}

// idle reports whether nothing comes of the effects, so that the rule must not fire.
func (want seen) idle(t *testing.T, effects []faults.Effect, clean *rawAnswer, q rawAsk) bool {
	t.Helper()
	for _, e := range effects {
		if kindOf(t, e) == "pass" {
			return false
		}
	}
	return want.end == "" && want.header == "" && !want.alone && want.raw == "" && want.took == 0 && len(want.pace) <= 1 &&
		want.status == clean.status && (q.method == http.MethodHead || bytes.Equal(want.body, clean.body))
}

// skipUnlessDelivered is for what holds on Linux and in memory alone: elsewhere, what
// the network has not taken yet is lost when a connection is reset.
func skipUnlessDelivered(t *testing.T, w *wire) {
	t.Helper()
	if runtime.GOOS != "linux" && !w.memory {
		t.Skip("what the network has not taken yet is lost")
	}
}

// expected are the fields that must come.
func (w *wire) expected(want seen, clean *rawAnswer) map[string][]string {
	if want.status == 0 {
		return nil
	}
	fields := maps.Clone(clean.fields)
	if want.alone {
		fields = map[string][]string{"Date": clean.fields["Date"]}
	}
	set := map[string][]string{}
	for line := range strings.Lines(want.header) {
		line = strings.TrimSuffix(line, "\n")
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			delete(fields, strings.TrimPrefix(line, "-"))
		} else if !w.http2 || name != "Transfer-Encoding" {
			set[name] = append(set[name], value)
		}
	}
	maps.Copy(fields, set)
	return fields
}

func (want seen) check(t *testing.T, w *wire, got *rawAnswer, fields map[string][]string, q rawAsk) {
	t.Helper()
	end := want.end
	if w.http2 && want.end2 != "" {
		end = want.end2
	}
	if end == "" {
		end = whole
	}
	require.Equal(t, end, got.end)
	require.Equal(t, want.status, got.status)
	if !w.http2 && want.status != 0 {
		line, _, _ := strings.Cut(got.head, "\r\n")
		require.Equal(t, fmt.Sprintf("HTTP/1.1 %d %s", want.status, http.StatusText(want.status)), line)
	}
	if want.status != 0 {
		sameFields(t, fields, got.fields)
	}
	if q.method == http.MethodHead {
		require.Empty(t, got.body)
	} else {
		requireBytes(t, want.body, got.body)
	}
	require.Equal(t, want.raw, string(got.raw))
	if w.memory {
		require.LessOrEqual(t, want.took, got.took)
		require.LessOrEqual(t, got.took, want.took+settling)
		if want.pace != nil {
			require.Equal(t, want.pace, got.pace)
		}
	}
}

// settling is how long the server may wait in HTTP/2 before it ends a connection, so
// that what was flushed is sent.
const settling = 10 * time.Millisecond

// sameFields compares header fields; a Date is one if there is to be one.
func sameFields(t *testing.T, want, got map[string][]string) {
	t.Helper()
	want, got = maps.Clone(want), maps.Clone(got)
	if want["Date"] != nil {
		require.Len(t, got["Date"], 1)
		_, err := http.ParseTime(got["Date"][0])
		require.NoError(t, err)
		delete(want, "Date")
		delete(got, "Date")
	}
	require.Equal(t, want, got)
}

// requireBytes does not print a megabyte when it fails.
func requireBytes(t *testing.T, want, got []byte) {
	t.Helper()
	require.Len(t, got, len(want))
	if bytes.Equal(want, got) {
		return
	}
	for i := range want {
		if want[i] != got[i] {
			require.Failf(t, "other bytes", "the first at %d of %d: want %#x, got %#x", i, len(want), want[i], got[i])
		}
	}
}

func requireSame(t *testing.T, want, got *rawAnswer) {
	t.Helper()
	require.Equal(t, want.end, got.end)
	require.Equal(t, want.status, got.status)
	sameFields(t, want.fields, got.fields)
	requireBytes(t, want.body, got.body)
}

// checkRecord compares what is on record of the request that the rule touched with
// what came over the wire.
func (w *wire) checkRecord(t *testing.T, got *rawAnswer) {
	t.Helper()
	x := w.touched(t)
	assert.Equal(t, []string{wireRule}, x.Faults)
	assert.Equal(t, got.status, x.Status)
	assert.Equal(t, int64(len(got.body)), x.ResponseBytes)
	assert.Equal(t, got.cut(), x.Cut, "cut")
	assert.False(t, x.Left, "the client has not left")
}

// cut reports whether the answer lacks something.
func (a *rawAnswer) cut() bool {
	if a.end != whole {
		return true
	}
	length := a.fields["Content-Length"]
	return length != nil && a.body != nil && length[0] != fmt.Sprint(len(a.body))
}

// touched returns the last request that the rule touched, once it has ended.
func (w *wire) touched(t *testing.T) record.Exchange {
	t.Helper()
	ended := []record.Filter{record.Faulted(wireRule), record.Not(record.Open())}
	w.reg.Require(t, ended...).Eventually(1, time.Minute)
	log := w.reg.Requests(ended...)
	return log[len(log)-1]
}
