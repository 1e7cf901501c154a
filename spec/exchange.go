package spec

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/redact"
)

// exchange is a request and its answer, for the report of a failure.
type exchange struct {
	method, url string
	header      http.Header
	body        content
	login       bool // the registry is given credentials if it asks for them

	last       *http.Request // that was answered, after redirects
	status     int
	proto      string
	answer     http.Header
	answerBody []byte
	err        error
}

// query returns the parameters of the request.
func (x *exchange) query() url.Values {
	u, err := url.Parse(x.url)
	if err != nil {
		return nil
	}
	return u.Query()
}

// location returns where Location points to, as an absolute URL.
func (x *exchange) location() (where string, ok bool) {
	value := x.answer.Get("Location")
	u, err := x.last.URL.Parse(value)
	if value == "" || err != nil {
		return "", false
	}
	return u.String(), true
}

// shown is the length up to which a body stands in a report, in bytes.
const shown = 2 << 10

// reported is how many exchanges stand in a report; of more, those in the middle
// are left out.
const reported = 40

// explain makes the report of a failure: the sentence, what was expected, and all
// requests with their answers.
func (t *tester) explain(s Statement, expected string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n  %s\n  (%s)\n\n%s\n", s.Level, s.ID, s.Text, s.Citation(), expected)
	for i, x := range t.exchanges {
		if skip := len(t.exchanges) - reported; skip > 0 && i >= reported/2 && i < reported/2+skip {
			if i == reported/2 {
				fmt.Fprintf(&b, "\n… %d more requests …\n", skip)
			}
			continue
		}
		fmt.Fprintf(&b, "\n%d. %s%s\n", i+1, x.curl(), t.source(i))
		x.write(&b)
	}
	return b.String()
}

// source returns a comment for a shell that names the earlier exchange, if any, whose
// Location the URL of an exchange is. To repeat the exchange, its Location must be that
// of the repetition of the other.
func (t *tester) source(i int) string {
	for j, earlier := range slices.Backward(t.exchanges[:i]) {
		if earlier.last == nil {
			continue
		}
		where, ok := earlier.location()
		if ok && strings.Contains(where, "/uploads/") && strings.HasPrefix(t.exchanges[i].url, where) {
			return fmt.Sprintf(" # to the Location of %d", j+1)
		}
	}
	return ""
}

func (x *exchange) write(b *strings.Builder) {
	fmt.Fprintf(b, "> %s %s\n", x.method, x.url)
	writeFields(b, "> ", x.header)
	writeBody(b, "> ", x.body)
	if x.status != 0 {
		fmt.Fprintf(b, "< %s %d %s\n", x.proto, x.status, http.StatusText(x.status))
		writeFields(b, "< ", x.answer)
		writeBody(b, "< ", content{bytes: x.answerBody})
	}
	if x.err != nil {
		fmt.Fprintf(b, "! %v\n", x.err)
	}
}

func writeFields(b *strings.Builder, mark string, fields http.Header) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[name] {
			fmt.Fprintf(b, "%s%s: %s\n", mark, name, redact.Redactor{}.Field(name, value))
		}
	}
}

func writeBody(b *strings.Builder, mark string, body content) {
	switch {
	case body.size() == 0:
	case body.readable():
		fmt.Fprintf(b, "%s\n%s%s\n", mark, mark, strings.ReplaceAll(string(body.bytes), "\n", "\n"+mark))
	default:
		fmt.Fprintf(b, "%s\n%s%s\n", mark, mark, body.summary())
	}
}

// curl returns the command that repeats the request. A body that is too long for a
// command line is read from the standard input.
func (x *exchange) curl() string {
	words := []string{"curl", "-si"}
	if x.method == http.MethodHead {
		words = append(words, "--head")
	} else if x.method != http.MethodGet {
		words = append(words, "-X", x.method)
	}
	if x.login {
		words = append(words, `-u "$USERNAME:$PASSWORD"`)
	}
	for _, name := range slices.Sorted(maps.Keys(x.header)) {
		for _, value := range x.header[name] {
			words = append(words, "-H", quoted(name+": "+value))
		}
	}
	if x.body.chunked {
		words = append(words, "-H", "'Transfer-Encoding: chunked'")
	}
	switch {
	case x.body.bytes == nil:
	case x.body.readable():
		words = append(words, "--data-binary", quoted(string(x.body.bytes)))
	default:
		words = append(words, "--data-binary", "@-")
	}
	line := strings.Join(append(words, quoted(x.url)), " ")
	if x.body.size() > shown {
		line += " # standard input: " + x.body.summary()
	}
	return line
}

// quoted is a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func summary(body []byte) string { return content{bytes: body}.summary() }

func (c content) summary() string { return fmt.Sprintf("%d bytes, %s", c.size(), c.digest()) }

// readable reports whether a body stands in a report as it is.
func (c content) readable() bool { return c.size() <= shown && utf8.Valid(c.bytes) }

func statusText(statuses []int) string {
	var words []string
	for _, status := range statuses {
		words = append(words, strconv.Itoa(status)+" "+http.StatusText(status))
	}
	return strings.Join(words, " or ")
}
