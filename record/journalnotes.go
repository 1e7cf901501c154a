package record

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/op"
)

// notes are what is out of the ordinary about an exchange, and why.
func (x *Exchange) notes() string {
	var notes []string
	for _, n := range [...]struct {
		on   bool
		note string
	}{
		{x.Open, "in flight"},
		{x.Left, "client left"},
		{x.Cut, "cut"},
	} {
		if n.on {
			notes = append(notes, n.note)
		}
	}
	notes = append(notes, slices.Compact(slices.Clone(x.Codes))...)
	notes = append(notes, x.refusal()...)
	for _, name := range x.Faults {
		notes = append(notes, "fault "+name)
	}
	for _, name := range x.Traits {
		notes = append(notes, "trait "+name)
	}
	for _, change := range x.Served {
		notes = append(notes, "served "+change)
	}
	for _, n := range [...]struct{ before, value string }{
		{"", x.UpstreamError},
		{"from ", x.From},
		{"tags ", strings.Join(x.Tags, " ")},
		{"ns ", x.Info.Namespace},
		{"", x.Header.Get("Range")},
		{"range ", x.Header.Get("Content-Range")},
		{"retry after ", x.ResponseHeader.Get("Retry-After")},
		{"more ", x.moreOfList()},
	} {
		if n.value != "" {
			notes = append(notes, n.before+n.value)
		}
	}
	notes = append(notes, x.tokenScopes()...)
	for i, note := range notes {
		notes[i] = shortenEnd(terminal.Escape(redact.Plain(note)), journalNote)
	}
	if more := len(notes) - journalNotes; more > 0 {
		notes = append(notes[:journalNotes], thousands(more)+" more")
	}
	return strings.Join(notes, ", ")
}

// shortenEnd leaves out the end of what is too long.
func shortenEnd(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return string(runes[:width-1]) + "…"
}

// refusal says why a request was not let in: what its credentials lack, and the scope
// that the registry wants.
func (x *Exchange) refusal() []string {
	if x.Status != http.StatusUnauthorized && x.Status != http.StatusForbidden {
		return nil
	}
	challenge := strings.Join(x.ResponseHeader["Www-Authenticate"], ", ")
	var why []string
	switch problem := challengeParameter(challenge, "error"); {
	case x.Header.Get("Authorization") == "" && x.Status == http.StatusUnauthorized:
		why = append(why, "no credentials")
	case problem != "":
		why = append(why, problem)
	default:
		if message := messageIn(x.ResponseBody); message != "" {
			why = append(why, message)
		}
	}
	if scope := challengeParameter(challenge, "scope"); scope != "" {
		why = append(why, "wants "+scope)
	}
	if x.Scheme == "Bearer" {
		why = append(why, "has "+scopesOrNone(x.Scopes))
	}
	return why
}

// challengeParameter returns a parameter of a challenge (RFC 9110, 11.6.1), as
// registries write it: in quotes.
func challengeParameter(challenge, name string) string {
	for _, before := range []string{" ", ","} {
		if _, rest, ok := strings.Cut(challenge, before+name+`="`); ok {
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
	}
	return ""
}

// messageIn returns the message of the first error in a body.
func messageIn(body []byte) string {
	var answer struct{ Errors []struct{ Message string } }
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return ""
	}
	return answer.Errors[0].Message
}

// tokenScopes says which scopes a token was asked for, and which were given if those
// are others.
func (x *Exchange) tokenScopes() []string {
	if x.Op != op.Token {
		return nil
	}
	_, query, _ := strings.Cut(x.Target, "?")
	var asked []string
	for _, form := range []string{query, string(x.RequestBody)} {
		values, _ := url.ParseQuery(form) // what cannot be read was not asked for
		for _, scopes := range values["scope"] {
			asked = append(asked, strings.Fields(scopes)...)
		}
	}
	var notes []string
	if len(asked) > 0 {
		notes = append(notes, "scope "+strings.Join(asked, " "))
	}
	if x.Status == http.StatusOK && !slices.Equal(asked, x.Scopes) {
		notes = append(notes, "given "+scopesOrNone(x.Scopes))
	}
	return notes
}

func scopesOrNone(scopes []string) string {
	if len(scopes) == 0 {
		return "no scope"
	}
	return strings.Join(scopes, " ")
}

// moreOfList returns the query for the rest of a list, if its answer has a Link.
func (x *Exchange) moreOfList() string {
	switch x.Op {
	case op.TagList, op.ReferrerList, op.RepositoryList:
	default:
		return ""
	}
	link, _, _ := strings.Cut(strings.TrimPrefix(x.ResponseHeader.Get("Link"), "<"), ">")
	if _, query, ok := strings.Cut(link, "?"); ok {
		return "?" + query
	}
	return link
}
