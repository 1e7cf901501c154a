package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// What a journal shows of a long log: its head and tail, and as many of the marked
// exchanges between them.
const (
	journalEnd    = 100
	journalMarked = 50
	journalTarget = 34 // columns of what a request is about
	journalNotes  = 5
	journalNote   = 60 // columns of a note
)

// Journal returns the log as a table with a heading and a line for each request. It ends with
// a newline. For an empty log it is "no requests". For a log of more than 200 requests it has
// the first and the last 100.
//
//	#   at  op            what                     status  in   out  time  conn
//	1    0  manifest.get  app:v1                      200      1024   1ms     1
//	2  2ms  blob.get      app@sha256:44136fa355b3       …                     1  in flight
//
// "at" is the time since the first request; times are in milliseconds. "in" and "out" are the
// sizes of the bodies in bytes. Empty columns are omitted. Notes at the end of a line explain
// the answer: the upstream host of a request to a mirror (ns), error codes, scopes that were
// requested and granted, the challenge of a 401, and the Link of a list.
//
// Control characters are escaped as in a Go string, so that text from clients is harmless on
// a terminal.
func (l Log) Journal() string { return l.JournalMarking(nil) }

// JournalMarking returns the journal with a ">" before each request for which near is true.
// The journal of a long log also has the first 50 marked requests of the part that it omits.
func (l Log) JournalMarking(near func(*Exchange) bool) string {
	if len(l) == 0 {
		return "no requests\n"
	}
	page := journal{log: l, hosts: l.hasHosts()}
	marked := 0
	for i := range l {
		mark := near != nil && near(&l[i])
		inner := journalEnd <= i && i < len(l)-journalEnd
		if inner && mark {
			marked++
		}
		if inner && (!mark || marked > journalMarked) {
			page.skipped++
			continue
		}
		page.add(&l[i], mark)
	}
	return page.String()
}

// hasHosts reports whether the requests were for more than one host.
func (l Log) hasHosts() bool {
	for i := range l {
		if l[i].Host != l[0].Host {
			return true
		}
	}
	return false
}

// journal is a table; a line with one cell only goes across the columns.
type journal struct {
	log     Log
	hosts   bool
	lines   [][]string
	skipped int // since the last line
}

// journalColumns are those of the table; numbers stand at the right.
var journalColumns = []struct {
	name   string
	number bool
}{{"", false}, {"#", true}, {"at", true}, {"op", false}, {"host", false}, {"what", false},
	{"status", true}, {"in", true}, {"out", true}, {"time", true}, {"conn", true}, {"", false}}

func (j *journal) add(x *Exchange, mark bool) {
	j.flush()
	line := []string{"", strconv.FormatUint(x.Seq, 10), roundTime(x.Start.Sub(j.log[0].Start)), x.Op.String(), "", shown(x.about(), journalTarget),
		"…", nonZero(x.RequestBytes), nonZero(x.ResponseBytes), "", nonZero(int64(x.Conn)), x.notes()}
	if mark {
		line[0] = ">"
	}
	if j.hosts {
		line[4] = shown(x.Host, journalTarget/2)
	}
	switch {
	case x.Status != 0:
		line[6] = strconv.Itoa(x.Status)
	case !x.Open:
		line[6] = "-"
	}
	if !x.Open {
		line[9] = roundTime(x.Duration)
	}
	j.lines = append(j.lines, line)
}

// flush says how many were left out.
func (j *journal) flush() {
	if j.skipped > 0 {
		j.lines = append(j.lines, []string{"  … " + thousands(j.skipped) + " more"})
		j.skipped = 0
	}
}

func (j *journal) String() string {
	j.flush()
	widths := make([]int, len(journalColumns))
	for _, line := range j.lines {
		for i := 0; i < len(line) && len(line) > 1; i++ {
			widths[i] = max(widths[i], utf8.RuneCountInString(line[i]))
		}
	}
	heading := make([]string, len(journalColumns))
	for i, column := range journalColumns {
		heading[i] = column.name
		if widths[i] > 0 {
			widths[i] = max(widths[i], len(column.name))
		}
	}
	widths[0] = 1
	var text strings.Builder
	for _, line := range append([][]string{heading}, j.lines...) {
		writeLine(&text, line, widths)
	}
	return text.String()
}

// writeLine leaves out the columns that have no width.
func writeLine(text *strings.Builder, line []string, widths []int) {
	var row strings.Builder
	for i, cell := range line {
		if len(line) == 1 {
			row.WriteString(cell)
			break
		}
		if widths[i] == 0 {
			continue
		}
		if i > 1 {
			row.WriteString("  ")
		} else if i == 1 {
			row.WriteByte(' ')
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if journalColumns[i].number {
			cell = pad + cell
		} else {
			cell += pad
		}
		row.WriteString(cell)
	}
	text.WriteString(strings.TrimRight(row.String(), " "))
	text.WriteByte('\n')
}

// about says what the request is about.
func (x *Exchange) about() string {
	path, _, _ := strings.Cut(redact.Plain(x.Target), "?")
	switch {
	case x.Op == op.Unknown:
		return shorten(x.Method, journalTarget/4) + " " + shorten(path, journalTarget*3/4)
	case x.Op == op.Token, x.Op == op.External && x.Info.Digest == "":
		return path
	}
	about := x.Repo
	switch {
	case x.Info.Tag != "":
		about += ":" + shortTag(x.Info.Tag)
	case x.Info.Digest != "":
		about += "@" + shortDigest(digest.Digest(redact.Plain(string(x.Info.Digest))))
	}
	if x.Session != "" {
		about += " #" + cutAt(x.Session, 8)
	}
	return about
}

// shortDigest has the first 12 digits, as image IDs are shown everywhere.
func shortDigest(d digest.Digest) string {
	algorithm, encoded, ok := strings.Cut(string(d), ":")
	if !ok {
		return string(d)
	}
	return algorithm + ":" + cutAt(encoded, 12)
}

// fallbackTag is a tag made of a digest, as clients push it where there is no
// referrers API ("Referrers Tag Schema"). That of a signature has a suffix, ".sig".
var fallbackTag = pattern.Regexp(`\A([a-z0-9]+-[0-9a-f]{12})[0-9a-f]{20,}(\.[a-z]+)?\z`)

// shortTag shortens the digest in a fallback tag, so that the repository is seen
// beside it.
func shortTag(tag string) string { return fallbackTag().ReplaceAllString(tag, "$1$2") }

func cutAt(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// shorten leaves out the beginning of what is too long: the end says more.
func shorten(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return "…" + string(runes[len(runes)-width+1:])
}

// shown is a text from outside as it is printed: without fingerprints of secrets.
func shown(s string, width int) string { return shorten(terminal.Escape(redact.Plain(s)), width) }

// roundTime is in milliseconds, however long it is, so that times can be compared.
func roundTime(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + roundTime(-d)
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return "<1ms"
	}
	return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + "ms"
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// thousands writes 999800 as 999,800.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
