package fidelity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Log returns the exchanges of test cases as a log of a client. What a recording has in a form
// that does not differ from run to run is filled in: hosts, sessions, states, dates and digests.
func (r *Recording) Log(cases func(title string) bool) (record.Log, error) {
	steps, err := r.steps()
	if err != nil {
		return nil, err
	}
	l := &logger{Recording: r, contents: r.contents(), sessions: map[string]string{}}
	l.date, _ = time.Parse("2006-01-02", r.Date) // a zero time is none
	next := 0
	for i, s := range steps {
		l.session(s)
		for ; next < len(r.Exchanges) && r.Exchanges[next].Step == i+1; next++ {
			if e := &r.Exchanges[next]; cases(e.Case) {
				if err := l.exchange(s, e); err != nil {
					return nil, fmt.Errorf("%s: %w", e.Request, err)
				}
			}
		}
	}
	return l.log, nil
}

// Cases returns the titles of the test cases of a recording that has exchanges of them, in order.
func (r *Recording) Cases() []string {
	var all []string
	for _, e := range r.Exchanges {
		if len(all) == 0 || all[len(all)-1] != e.Case {
			all = append(all, e.Case)
		}
	}
	return all
}

// logger makes a log of a recording.
type logger struct {
	*Recording
	contents contents
	sessions map[string]string // by the names of the steps
	current  string            // session of the step
	states   int
	realm    string // of the last challenge
	date     time.Time
	log      record.Log
}

const logHost = "registry.example"

// session sets the session of a step: a POST opens one.
func (l *logger) session(s step) {
	name, _, ok := strings.Cut(strings.TrimPrefix(s.target, "{"), "}")
	switch {
	case ok && strings.HasPrefix(s.target, "{"):
		l.current = l.sessions[name]
	case s.method == http.MethodPost:
		l.current = fmt.Sprintf("session-%d", len(l.sessions)+l.states+1)
		l.states++
	}
	if s.as != "" {
		l.sessions[s.as] = l.current
	}
}

func (l *logger) exchange(s step, e *Exchange) error {
	target := l.target(e)
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	x := record.Exchange{
		Info: op.Parse(e.Method(), u), Host: logHost, Target: u.RequestURI(), Secure: true, Header: http.Header{},
		Seq: uint64(len(l.log) + 1), Start: l.date, Scheme: e.Auth,
		Status: e.Answer.Status, ResponseHeader: http.Header{},
	}
	for name, value := range e.Header {
		x.Header.Set(name, value)
	}
	if content := l.contents[strings.Trim(e.Body, "<>")]; e.Body != "" {
		x.RequestBytes = int64(len(content))
		if x.Op == op.ManifestPut {
			x.RequestBody = content
		}
	}
	for name, value := range e.Answer.Header {
		x.ResponseHeader.Set(name, l.field(name, value))
	}
	body, err := l.body(e.Answer.Body)
	if err != nil {
		return err
	}
	x.ResponseBytes = int64(len(body))
	if x.Op != op.BlobGet || x.Status >= http.StatusBadRequest {
		x.ResponseBody = body
	}
	x.Codes = e.Answer.Codes()
	l.log = append(l.log, x)
	return nil
}

// target returns the URL of a request.
func (l *logger) target(e *Exchange) string {
	target := e.target()
	if e.Op == op.Token {
		return l.realm + "?service=" + logHost
	}
	if rest, ok := strings.CutPrefix(target, "{"); ok {
		_, rest, _ = strings.Cut(rest, "}")
		repo := "<repo>"
		target = "/v2/" + repo + "/blobs/uploads/" + l.current + rest
	}
	return "https://" + logHost + l.fill(target)
}

var (
	placeholders = regexp.MustCompile(`<[A-Za-z0-9.]+>`)
	parameterOf  = regexp.MustCompile(` ([a-z_]+)=`)
)

// fill replaces placeholders.
func (l *logger) fill(text string) string {
	return placeholders.ReplaceAllStringFunc(text, func(p string) string {
		switch name := strings.Trim(p, "<>"); name {
		case "repo":
			return l.Repo
		case "other":
			return l.Other
		case "origin":
			return "https://" + logHost
		case "host":
			return logHost
		case "session":
			return l.current
		case "tag":
			if l.Tag == "" {
				return "tagtest0"
			}
			return l.Tag
		case "date":
			return "Mon, 17 Feb 2025 16:47:55 GMT"
		case "digest":
			return string(digest.FromString("unknown"))
		case "value", "n":
			l.states++
			return fmt.Sprint("1", l.states)
		default:
			if content, ok := l.contents[name]; ok {
				return string(digest.FromBytes(content))
			}
		}
		return p
	})
}

// field returns a header field.
func (l *logger) field(name, value string) string {
	switch name {
	case "Etag":
		value = strings.Replace(value, "<tag>", "0123456789abcdef", 1)
	case "Www-Authenticate":
		value = parameterOf.ReplaceAllString(value+`"`, `", $1="`)
		value = strings.Replace(value, `",`, "", 1)
		value = l.fill(value)
		for _, c := range parseChallenges(value) {
			l.realm = c.get("realm")
		}
		return value
	}
	return l.fill(value)
}

// body returns the body of an answer.
func (l *logger) body(form any) ([]byte, error) {
	switch form := form.(type) {
	case nil:
		return nil, nil
	case string:
		if content, ok := l.contents[strings.Trim(form, "<>")]; ok {
			return content, nil
		}
		return []byte("404 page not found\n"), nil
	}
	return json.Marshal(l.value(form))
}

// value fills the strings in a JSON value.
func (l *logger) value(form any) any {
	switch form := form.(type) {
	case string:
		if form == "<string>" {
			return "text"
		}
		if form == "<number>" {
			return 1
		}
		return l.fill(form)
	case []any:
		all := make([]any, len(form))
		for i := range form {
			all[i] = l.value(form[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(form))
		for name := range form {
			all[name] = l.value(form[name])
		}
		return all
	}
	return form
}
