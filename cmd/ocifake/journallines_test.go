package main

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// TestJournalLines passes requests that need wider columns than the ones before, and
// one that began before the first.
func TestJournalLines(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	exchange := func(o op.Op, repo, tag string, at time.Duration, status int) record.Exchange {
		x := record.Exchange{Start: start.Add(at), Duration: 2 * time.Millisecond, Status: status, Conn: 1}
		x.Op, x.Repo, x.Info.Tag, x.Host = o, repo, tag, "127.0.0.1:40001"
		return x
	}
	log := record.Log{
		exchange(op.Ping, "", "", 0, 200),
		exchange(op.ManifestGet, "app", "v1", 3*time.Millisecond, 404),
		exchange(op.ManifestGet, "a/repository/with/a/very/long/name", "v1", 6*time.Millisecond, 200),
		exchange(op.Ping, "", "", -time.Second, 200),
		exchange(op.Ping, "", "", time.Millisecond, 200),
	}
	log[1].Codes, log[1].Host = []string{"MANIFEST_UNKNOWN"}, "127.0.0.1:40002"
	var text strings.Builder
	lines := journalLines{w: &text}
	for i := range log {
		log[i].Seq = uint64(i + 1)
		require.NoError(t, lines.write(log[i]))
	}
	assert.Equal(t, `
     #     at  op             what                      status       in      out   time  conn
     1      0  ping                                        200                      2ms     1
     2    3ms  manifest.get   app:v1                       404                      2ms     1  MANIFEST_UNKNOWN
     3    6ms  manifest.get   …pository/with/a/very/long/name:v1     200                      2ms     1
     4  -1000ms  ping                                                  200                      2ms     1
     5      1ms  ping                                                  200                      2ms     1
`, "\n"+text.String())
}

// TestJournalLinesEscape passes control characters.
func TestJournalLinesEscape(t *testing.T) {
	const evil = "\x1b]0;x\x07\n\u202e\u009b\xff"
	x := record.Exchange{Seq: 1, Status: 401, Scheme: "Bearer", Codes: []string{evil}}
	x.Host, x.Method, x.Target, x.Repo, x.Info.Tag = evil, evil, "/"+evil, evil, evil
	for _, o := range op.All() {
		x.Op = o
		var text strings.Builder
		require.NoError(t, (&journalLines{w: &text}).write(x))
		require.Equal(t, 2, strings.Count(text.String(), "\n"))
		for _, c := range text.String() {
			require.True(t, c == '\n' || unicode.IsPrint(c), "%q", text.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestJournalLinesThatCannotBeWritten(t *testing.T) {
	assert.ErrorContains(t, (&journalLines{w: fullDisk{}}).write(record.Exchange{Seq: 1}), "no room")
}
