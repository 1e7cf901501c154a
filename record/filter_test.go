package record_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// answers is a log of exchanges that differ in all that filters look at.
func answers() record.Log {
	p := newTape()
	p.add("GET /v2/", 200)
	x := p.add("GET /v2/app/manifests/v1", 404, "Authorization: [redacted]")
	x.Codes, x.Subject, x.Conn = []string{"MANIFEST_UNKNOWN", "NAME_UNKNOWN"}, "ci-1", 2
	x = p.add("GET "+blobURL("a"), 503)
	x.Faults, x.Cut, x.Subject = []string{"flaky, at first", "slow"}, true, "alice"
	x = p.add("GET "+blobURL("b"), 206)
	x.Left, x.Conn = true, 3
	x = p.add("GET "+blobURL("c"), 0)
	x.Open = true
	return p.log
}

func numbers(l record.Log) []uint64 {
	var seqs []uint64
	for _, x := range l {
		seqs = append(seqs, x.Seq)
	}
	return seqs
}

func TestFilters(t *testing.T) {
	tests := []struct {
		filter record.Filter
		text   string
		meant  []uint64
	}{
		{record.Status("503"), "status=503", []uint64{3}},
		{record.Status("2xx", "40x"), "status=2xx,40x", []uint64{1, 2, 4}},
		{record.Status("0"), "status=0", []uint64{5}},
		{record.Status("xxx"), "status=xxx", []uint64{1, 2, 3, 4}},
		{record.Not(record.Status("2xx")), "status!=2xx", []uint64{2, 3, 5}},
		{record.Code("NAME_UNKNOWN"), "code=NAME_UNKNOWN", []uint64{2}},
		{record.Code("BLOB_*", "MANIFEST_*"), "code=BLOB_*,MANIFEST_*", []uint64{2}},
		{record.Faulted(), "faulted", []uint64{3}},
		{record.Faulted("slow"), "fault=slow", []uint64{3}},
		{record.Faulted("flaky, at first"), `fault="flaky, at first"`, []uint64{3}},
		{record.Faulted("flaky"), "fault=flaky", nil},
		{record.Not(record.Faulted()), "!faulted", []uint64{1, 2, 4, 5}},
		{record.Subject("ci-*"), "subject=ci-*", []uint64{2}},
		{record.Subject(""), `subject=""`, []uint64{1, 4, 5}},
		{record.Subject("*"), "subject=*", []uint64{2, 3}},
		{record.Open(), "open", []uint64{5}},
		{record.Left(), "left", []uint64{4}},
		{record.Cut(), "cut", []uint64{3}},
		{record.Since(0), "since=0", []uint64{1, 2, 3, 4, 5}},
		{record.Since(3), "since=3", []uint64{4, 5}},
		{record.Conn(2, 3), "conn=2,3", []uint64{2, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			assert.Equal(t, tt.text, tt.filter.String())
			assert.Equal(t, tt.meant, numbers(answers().Filter(tt.filter)))
			assert.Equal(t, len(tt.meant), answers().Count(tt.filter))

			parsed, err := record.ParseFilters(tt.text)
			require.NoError(t, err)
			require.Len(t, parsed, 1)
			assert.Equal(t, tt.text, parsed[0].String())
			assert.Equal(t, tt.filter.Stage(), parsed[0].Stage())
			assert.Equal(t, tt.meant, numbers(answers().Filter(parsed...)))
		})
	}
}

func TestMatch(t *testing.T) {
	odd := record.Match(func(x *record.Exchange) bool { return x.Seq%2 == 1 })
	assert.Equal(t, []uint64{1, 3, 5}, numbers(answers().Filter(odd)))
	assert.Equal(t, []uint64{3}, numbers(answers().Filter(odd, record.Cut())))
}

func TestParseFiltersErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"status=", "a value is missing"},
		{"status=5", `"5" is no status of an answer: want 200 to 599, with x for any digit, as in 4xx, or 0 for no answer`},
		{"status==503", `status: one = is enough`},
		{"status=5XX", `"5XX" is no status`},
		{"status=050", `"050" is no status`},
		{"status=200,ok", `"ok" is no status`},
		{"status=600", `"600" is no status`},
		{"status=1xx", `"1xx" is no status`},
		{"code=blob_unknown", `code: "blob_unknown": error codes are in upper case: want "BLOB_UNKNOWN"`},
		{`code=""`, `code: "" is no error code`},
		{`fault=""`, `fault: "" is no name of a rule`},
		{"status", "status needs a value"},
		{"faulted=slow", "faulted has no value"},
		{"fault", "fault needs a value"},
		{"open=yes", "open has no value"},
		{"since=-1", `"-1" is no number`},
		{"since=x", `since: "x" is no number: want the number of a request, such as 12`},
		{"since=1,2", "want one number, have 2"},
		{"since=99999999999999999999", "is no number"},
		{"conn=one", `"one" is no number: want the number of a connection, such as 3`},
		{"conn=0", "conn: 0 is no connection: they are numbered from 1"},
		{"stat=200", "did you mean status?"},
		{"teapot=200", "want one of all, op, repo, alias, tag, digest, session, method, host, ns, ua, length, chunk, resumed, attempt, elapsed, conn, conn.requests, conn.age, proto, auth, tls, status, code, subject, fault, faulted, open, left, cut, since, header.<name>, query.<name>"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, err := record.ParseFilters(tt.text)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, fmt.Sprintf("filter %q: ", tt.text))
		})
	}
}

func TestFiltersThatMatchNothing(t *testing.T) {
	const none = "a filter without values would match nothing"
	assert.PanicsWithError(t, "filter status: no value: "+none, func() { record.Status() })
	assert.PanicsWithError(t, "filter conn: no value: "+none, func() { record.Conn() })
	assert.PanicsWithError(t, "filter code: no value: "+none, func() { record.Code() })
	assert.PanicsWithError(t, "filter subject: no value: "+none, func() { record.Subject() })
}

func TestStatusPanics(t *testing.T) {
	assert.PanicsWithError(t, `filter status: "5x" is no status of an answer: want 200 to 599, with x for any digit, as in 4xx, or 0 for no answer`, func() { record.Status("5x") })
}

func FuzzParseFilters(f *testing.F) {
	for _, seed := range []string{"status=5xx,429 code=BLOB_* faulted !left cut since=12", `fault="a, b",* subject="" conn=1,2 open`, "op=blob.get repo=app status!=0"} {
		f.Add(seed)
	}
	log := answers()
	f.Fuzz(func(t *testing.T, text string) {
		filters, err := record.ParseFilters(text)
		if err != nil {
			return
		}
		for _, filter := range filters {
			again, err := record.ParseFilters(filter.String())
			require.NoError(t, err)
			require.Len(t, again, 1)
			require.Equal(t, filter.String(), again[0].String())
			require.Equal(t, numbers(log.Filter(filter)), numbers(log.Filter(again...)))
		}
	})
}

func TestLabels(t *testing.T) {
	request := func(repo, agent, test, subject string) *record.Exchange {
		x := &record.Exchange{}
		x.Subject = subject
		x.Repo, x.Header = repo, http.Header{"User-Agent": {agent}, "X-Test": {test}}
		return x
	}
	tests := []struct {
		name  string
		label func(*record.Exchange) string
		x     *record.Exchange
		want  string
	}{
		{"header", record.ByHeader("x-test"), request("", "", "TestPull", ""), "TestPull"},
		{"no header", record.ByHeader("X-Other"), request("", "", "TestPull", ""), ""},
		{"nothing", record.ByHeader("X-Test"), &record.Exchange{}, ""},
		{"product", record.ByUserAgent(), request("", "crane/v0.20.3 go-containerregistry/v0.20.3", "", ""), "crane"},
		{"product without version", record.ByUserAgent(), request("", "oras-go", "", ""), "oras-go"},
		{"comment first", record.ByUserAgent(), request("", "(linux (amd64)) docker/27.0", "", ""), "docker"},
		{"comment not closed", record.ByUserAgent(), request("", "docker/27.0 (linux", "", ""), "docker"},
		{"no product", record.ByUserAgent(), request("", "/1 (a)", "", ""), ""},
		{"prefix", record.ByRepoPrefix(), request("team-a/x/y", "", "", ""), "team-a"},
		{"prefix only", record.ByRepoPrefix(), request("app", "", "", ""), "app"},
		{"no repository", record.ByRepoPrefix(), request("", "", "", ""), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, tt.label(tt.x)) })
	}
}

// questions is a log such as a recorder returns.
func questions() record.Log { return answers() }

func ExampleParseFilters() {
	filters, err := record.ParseFilters("op=blob.get status=5xx faulted")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(questions().Count(filters...))
	// Output: 1
}

func ExampleStatus() {
	for _, x := range questions().Filter(record.Op(op.BlobGet), record.Status("4xx", "5xx")) {
		fmt.Println(x.Op, x.Status)
	}
	// Output: blob.get 503
}

func ExampleCode() {
	fmt.Println(questions().Count(record.Code("*_UNKNOWN")))
	// Output: 1
}

func ExampleFaulted() {
	fmt.Println(questions().Count(record.Faulted()), questions().Count(record.Faulted("slow")))
	// Output: 1 1
}

func ExampleSince() {
	mark := record.Mark(3) // from Recorder.Mark, before what is of interest
	fmt.Println(questions().Filter(record.Since(mark)).Ops())
	// Output: [blob.get blob.get]
}

func ExampleMatch() {
	slow := record.Match(func(x *record.Exchange) bool { return x.Duration.Seconds() > 1 })
	fmt.Println(questions().Count(slow))
	// Output: 0
}

func ExampleSubject() {
	fmt.Println(questions().Count(record.Subject("ci-*")))
	// Output: 1
}

func ExampleConn() {
	fmt.Println(questions().Filter(record.Conn(2, 3)).Ops())
	// Output: [manifest.get blob.get]
}

func ExampleOpen() {
	log := questions()
	fmt.Println(log.Count(record.Open()), "in flight,", log.Count(record.Left()), "left,", log.Count(record.Cut()), "cut")
	// Output: 1 in flight, 1 left, 1 cut
}

// Tests that run in parallel send a header of their own each.
func ExampleByHeader() {
	p := newTape()
	p.add("GET /v2/team-a/app/manifests/v1", 200, "X-Test: TestPull")
	p.add("GET /v2/team-b/app/manifests/v1", 200, "X-Test: TestCopy")
	clients := p.log.By(record.ByHeader("X-Test"))
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		fmt.Println(name, clients[name].Ops())
	}
	fmt.Println(len(p.log.By(record.ByRepoPrefix())["team-a"]))
	// Output:
	// TestCopy [manifest.get]
	// TestPull [manifest.get]
	// 1
}
