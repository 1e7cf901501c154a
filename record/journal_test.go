package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// everything is a log with a line of each kind.
func everything() record.Log {
	p := newTape()
	x := p.add("GET /v2/", 401)
	x.Codes, x.ResponseBytes, x.Duration = []string{"UNAUTHORIZED"}, 87, 20*time.Microsecond
	x = p.add("GET /token?service=registry&scope=repository:app:pull", 200)
	x.Op, x.ResponseBytes = op.Token, 1203
	x = p.add("GET /v2/library/app/manifests/v1", 200)
	x.ResponseBytes = 1024
	p.add("HEAD /v2/library/app/manifests/"+string(digestOf("m")), 200)
	x = p.add("GET "+blobURL("layer"), 429, "< Retry-After: 60")
	x.Faults, x.Codes, x.Conn = []string{"slow down"}, []string{"TOOMANYREQUESTS"}, 2
	p.now += time.Minute
	x = p.add("GET "+blobURL("layer"), 206, "Range: bytes=1048576-")
	x.ResponseBytes, x.Cut, x.Duration = 73400320, true, 1234*time.Millisecond
	x = p.add("GET "+blobURL("other"), 200)
	x.Left, x.ResponseBytes = true, 65536
	p.add("POST /v2/app/blobs/uploads/", 202)
	x = p.add("PATCH /v2/app/blobs/uploads/0b5e4a0c-3c7e-4d5b-9d7e-2f1f7f6c1a11?_state=x", 202, "Content-Range: 0-499")
	x.RequestBytes = 500
	x = p.add("PUT /v2/app/blobs/uploads/0b5e4a0c-3c7e-4d5b-9d7e-2f1f7f6c1a11?_state=x&digest="+string(digestOf("l")), 201)
	x.RequestBytes = 12
	p.add("POST /v2/app/blobs/uploads/?mount="+string(digestOf("l"))+"&from=library/base", 201)
	x = p.add("PUT /v2/app/manifests/"+string(digestOf("m"))+"?tag=a&tag=b", 400)
	x.RequestBytes, x.Codes = 900, []string{"MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"}
	p.add("GET /v2/app/tags/list?n=10", 200)
	p.add("GET /v2/a/very/long/name/of/a/repository/with/many/components/manifests/v1", 404)
	p.add("BREW /a/path/that/is/longer/than/what/a/column/holds/of/it?with=query", 404)
	x = p.add("GET /cdn/"+strings.Repeat("0f", 40)+"?signature=redacted", 200)
	x.Op = op.External
	p.add("GET "+blobURL("never"), 0)
	x = p.add("GET "+blobURL("slow"), 200)
	x.Open, x.ResponseBytes = true, 4096
	x = p.add("GET "+blobURL("slow"), 0)
	x.Open = true
	return p.log
}

func TestJournal(t *testing.T) {
	golden(t, "journal", everything().Journal())
}

func TestJournalMarking(t *testing.T) {
	golden(t, "journal-marked", everything().JournalMarking(func(x *record.Exchange) bool { return x.Op == op.BlobGet }))
}

func TestJournalOfSeveralHosts(t *testing.T) {
	l := everything()[14:17]
	l[1].Host = "cdn.test"
	golden(t, "journal-hosts", l.Journal())
}

func TestJournalFitsTheScreen(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(everything().Journal(), "\n"), "\n")
	require.Len(t, lines, len(everything())+1)
	for _, line := range lines {
		if !strings.Contains(line, ", ") { // more than one note
			assert.LessOrEqual(t, utf8.RuneCountInString(line), 120, line)
		}
		assert.Equal(t, strings.TrimRight(line, " "), line)
	}
}

// long is a log of equal requests, one in a thousand of which was not answered.
func long(n int) record.Log {
	l := make(record.Log, n)
	for i := range l {
		l[i] = record.Exchange{Seq: uint64(i + 1), Start: began, Status: 200}
		if i%1000 == 500 {
			l[i].Status = 0
		}
	}
	return l
}

func TestJournalIsBounded(t *testing.T) {
	journal := long(100_000).Journal()
	lines := strings.Split(strings.TrimSuffix(journal, "\n"), "\n")
	assert.Len(t, lines, 202)
	assert.Equal(t, "  … 99,800 more", lines[101])
	assert.Contains(t, lines[100], "    100  ")
	assert.Contains(t, lines[102], " 99901  ")
	assert.NotContains(t, long(200).Journal(), "more")
	assert.Contains(t, long(201).Journal(), "  … 1 more\n")
}

func TestJournalShowsMarkedOnes(t *testing.T) {
	unanswered := func(x *record.Exchange) bool { return x.Status == 0 }
	journal := long(100_000).JournalMarking(unanswered)
	assert.Equal(t, 50, strings.Count(journal, "\n> "))
	assert.Contains(t, journal, "  … 400 more\n> ")
	assert.Contains(t, journal, "  … 999 more\n> ")
	assert.True(t, slices.ContainsFunc(strings.Split(journal, "\n"), func(line string) bool { return strings.HasPrefix(line, ">  49501 ") }))
	assert.Contains(t, journal, "  … 50,399 more\n")
}

// What clients send does nothing to a terminal, and takes no more room than any.
func TestJournalOfHostileRequests(t *testing.T) {
	p := newTape()
	x := p.add("GET /v2/", 200, "Range: bytes=\x1b[2J"+strings.Repeat("9", 1000))
	x.Op, x.Repo, x.Info.Tag, x.Info.Digest = op.ManifestGet, "a\nb", "\x1b[31m"+strings.Repeat("x", 1000)+"\u202e", ""
	for i := range 1000 {
		x.Codes = append(x.Codes, fmt.Sprint("CODE", i))
	}
	x = p.add("GET /v2/", 200)
	x.Op, x.Method, x.Target = op.Unknown, strings.Repeat("M", 1000), "/\r\n\xff"
	x.Session = "short"
	journal := p.log.Journal()
	assert.Equal(t, 3, strings.Count(journal, "\n"))
	for line := range strings.Lines(journal) {
		assert.Less(t, utf8.RuneCountInString(line), 420)
	}
	assert.NotContains(t, journal, "\x1b")
	assert.NotContains(t, journal, "\u202e")
	assert.Contains(t, journal, "CODE4, 996 more")
}

func ExampleLog_Journal() {
	fmt.Print(pulled().Journal())
	// Output:
	//   #      at  op            what                     status      out  time  conn
	//   1       0  ping                                      401       87   2ms     1  UNAUTHORIZED, no credentials
	//   2     3ms  manifest.get  app:v1                      200      421   2ms     1
	//   3     6ms  blob.get      app@sha256:b79606fb3afe     200      233   2ms     1
	//   4     7ms  blob.get      app@sha256:dac1d7cfa950     503            2ms     2  fault flaky, retry after 1
	//   5  1010ms  blob.get      app@sha256:dac1d7cfa950     200  1048576   2ms     1
}

func ExampleLog_JournalMarking() {
	fmt.Print(pulled().JournalMarking(func(x *record.Exchange) bool { return x.Status >= 500 }))
	// Output:
	//   #      at  op            what                     status      out  time  conn
	//   1       0  ping                                      401       87   2ms     1  UNAUTHORIZED, no credentials
	//   2     3ms  manifest.get  app:v1                      200      421   2ms     1
	//   3     6ms  blob.get      app@sha256:b79606fb3afe     200      233   2ms     1
	// > 4     7ms  blob.get      app@sha256:dac1d7cfa950     503            2ms     2  fault flaky, retry after 1
	//   5  1010ms  blob.get      app@sha256:dac1d7cfa950     200  1048576   2ms     1
}

// TestJournalExplains looks at what a line says of why.
func TestJournalExplains(t *testing.T) {
	digest := strings.Repeat("0123456789abcdef", 4)
	refused := func(p *tape, codes string, header ...string) *record.Exchange {
		x := p.add("GET /v2/app/manifests/v1", 401, header...)
		x.Codes = []string{codes}
		return x
	}
	for _, test := range []struct {
		name string
		add  func(p *tape)
		want string // part of the line
	}{
		{"mirror", func(p *tape) { p.add("GET /v2/app/manifests/v1?ns=docker.io", 200) }, "ns docker.io"},
		{"no credentials", func(p *tape) {
			refused(p, "UNAUTHORIZED", `< Www-Authenticate: Bearer realm="http://a/token",service="a",scope="repository:app:pull"`)
		}, "UNAUTHORIZED, no credentials, wants repository:app:pull"},
		{"wrong password", func(p *tape) {
			x := refused(p, "UNAUTHORIZED", "Authorization: Basic x", `< Www-Authenticate: Basic realm="a"`)
			x.Scheme, x.ResponseBody = "Basic", []byte(`{"errors":[{"code":"UNAUTHORIZED","message":"the password is wrong"}]}`)
		}, "UNAUTHORIZED, the password is wrong"},
		{"old token", func(p *tape) {
			x := refused(p, "UNAUTHORIZED", "Authorization: Bearer x", `< Www-Authenticate: Bearer realm="http://a/token",scope="repository:app:pull,push",error="invalid_token"`)
			x.Scheme, x.Scopes = "Bearer", []string{"repository:app:pull"}
		}, "UNAUTHORIZED, invalid_token, wants repository:app:pull,push, has repository:app:pull"},
		{"forbidden", func(p *tape) {
			x := p.add("PUT /v2/app/manifests/v1", 403, "Authorization: Basic x")
			x.Codes, x.ResponseBody = []string{"DENIED"}, []byte(`{"errors":[{"code":"DENIED","message":"me: access to push in repository app is not allowed"}]}`)
		}, "DENIED, me: access to push in repository app is not allowed"},
		{"scopes as asked", func(p *tape) {
			x := p.add("GET /token?scope=repository:app:pull&scope=repository:lib:pull", 200)
			x.Op, x.Scopes = op.Token, []string{"repository:app:pull", "repository:lib:pull"}
		}, "  scope repository:app:pull repository:lib:pull\n"},
		{"scopes in a form", func(p *tape) {
			x := p.add("POST /token", 200)
			x.Op, x.RequestBody, x.Scopes = op.Token, []byte("scope=repository%3Aapp%3Apull%2Cpush&password=[redacted]"), []string{"repository:app:pull"}
		}, "scope repository:app:pull,push, given repository:app:pull"},
		{"no scope", func(p *tape) { p.add("GET /token?scope=repository:app:pull", 200).Op = op.Token }, "scope repository:app:pull, given no scope"},
		{"rest of a list", func(p *tape) {
			p.add("GET /v2/app/tags/list?n=2", 200, `< Link: </v2/app/tags/list?last=b&n=2>; rel="next"`)
		}, "more ?last=b&n=2"},
		{"fallback tag", func(p *tape) { p.add("GET /v2/library/app/manifests/sha256-"+digest, 404) }, "library/app:sha256-0123456789ab  "},
		{"signature", func(p *tape) { p.add("GET /v2/lib/app/manifests/sha256-"+digest+".sig", 404) }, " lib/app:sha256-0123456789ab.sig  "},
		{"milliseconds", func(p *tape) { p.add("GET /v2/", 200).Duration = 75*time.Second + 1600*time.Microsecond }, " 75002ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTape()
			test.add(p)
			assert.Contains(t, p.log.Journal(), test.want)
		})
	}
}

// TestJournalEscapes: whatever comes from a client is in one line, and does nothing to
// a terminal.
func TestJournalEscapes(t *testing.T) {
	const evil = "\x1b]0;x\x07\n\u202e\u009b\xff"
	x := record.Exchange{Seq: 1, Start: began, Status: 401, Scheme: "Bearer", Codes: []string{evil}}
	x.Host, x.Method, x.Target, x.Repo, x.From, x.Info.Tag, x.Session = evil, evil, "/"+evil, evil, evil, evil, evil
	x.Scopes, x.Info.Namespace, x.Tags, x.Faults, x.Served = []string{evil}, evil, []string{evil}, []string{evil}, []string{evil}
	x.Header = map[string][]string{"Range": {evil}, "Content-Range": {evil}, "User-Agent": {evil}, "Accept": {evil}}
	x.ResponseHeader = map[string][]string{"Retry-After": {evil}, "Link": {evil}, "Www-Authenticate": {evil}, "Location": {evil}}
	for _, o := range op.All() {
		x.Op = o
		l := record.Log{x, {Seq: 2, Start: began, Status: 200}}
		for _, text := range []string{l.Journal(), l.Transcript()} {
			for _, c := range text {
				if c != '\n' {
					require.True(t, unicode.IsPrint(c), "%q", text)
				}
			}
		}
		assert.Equal(t, 3, strings.Count(l.Journal(), "\n"))
	}
}

// TestLogPrints: a log is a journal in the messages of testify, and in whatever prints
// it.
func TestLogPrints(t *testing.T) {
	l := everything()
	for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
		assert.Equal(t, l.Journal(), fmt.Sprintf(verb, l))
	}
	assert.Equal(t, l.Journal(), l.GomegaString())
	var said testifyMessage
	assert.Len(&said, l[:1], 2)
	assert.Empty(&said, l[:1])
	assert.Equal(t, 2, strings.Count(string(said), "#  at  op"), "%s", said)
}

// testifyMessage is a test that keeps what testify says.
type testifyMessage string

func (m *testifyMessage) Errorf(format string, args ...any) {
	*m += testifyMessage(fmt.Sprintf(format, args...))
}
