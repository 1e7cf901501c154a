package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
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
	//   #   at  op            what                     status      out  time  conn
	//   1    0  ping                                      401       87   2ms     1  UNAUTHORIZED
	//   2  3ms  manifest.get  app:v1                      200      421   2ms     1
	//   3  6ms  blob.get      app@sha256:b79606fb3afe     200      233   2ms     1
	//   4  7ms  blob.get      app@sha256:dac1d7cfa950     503            2ms     2  fault flaky, retry after 1
	//   5   1s  blob.get      app@sha256:dac1d7cfa950     200  1048576   2ms     1
}

func ExampleLog_JournalMarking() {
	fmt.Print(pulled().JournalMarking(func(x *record.Exchange) bool { return x.Status >= 500 }))
	// Output:
	//   #   at  op            what                     status      out  time  conn
	//   1    0  ping                                      401       87   2ms     1  UNAUTHORIZED
	//   2  3ms  manifest.get  app:v1                      200      421   2ms     1
	//   3  6ms  blob.get      app@sha256:b79606fb3afe     200      233   2ms     1
	// > 4  7ms  blob.get      app@sha256:dac1d7cfa950     503            2ms     2  fault flaky, retry after 1
	//   5   1s  blob.get      app@sha256:dac1d7cfa950     200  1048576   2ms     1
}
