package fidelity

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

// Answer is what is compared of an answer.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`

	// Body is nil if there is none, the name of a content, "<text>" if it is not JSON, or else
	// the JSON with its field names, with the values that have a meaning for clients, and with the
	// types of the others: "<string>", "<number>", "<boolean>".
	Body any `json:"body,omitempty"`
}

// Codes returns the error codes in the body.
func (a *Answer) Codes() []string {
	body, _ := a.Body.(map[string]any)
	errors, _ := body["errors"].([]any)
	var codes []string
	for _, e := range errors {
		e, _ := e.(map[string]any)
		if code, ok := e["code"].(string); ok {
			codes = append(codes, code)
		}
	}
	return codes
}

// names are what differs from run to run, with the placeholders that stand for it.
type names struct {
	replace *strings.Replacer
	digests map[digest.Digest]string // of contents
}

var digests = regexp.MustCompile(`sha(256|512)(:|%3A)[0-9a-f]{64,128}`)

// text puts placeholders into a text: <origin>, <host>, <repo>, <other>, digests of contents by
// their names, and <digest> for another digest.
func (n *names) text(s string) string {
	s = digests.ReplaceAllStringFunc(s, func(d string) string {
		if name, ok := n.digests[digest.Digest(strings.Replace(d, "%3A", ":", 1))]; ok {
			return "<" + name + ">"
		}
		return "<digest>"
	})
	return n.replace.Replace(s)
}

// newNames returns the placeholders for a recording. origins are the schemes and hosts of the
// registry, of which the last part is its host.
func newNames(r *Recording, digests map[digest.Digest]string, host string, origins ...string) *names {
	var pairs []string
	add := func(text, placeholder string) {
		if text != "" {
			pairs = append(pairs, text, placeholder)
		}
	}
	for _, origin := range origins {
		add(origin, "<origin>")
	}
	add(host, "<host>")
	repos := [][2]string{{r.Repo, "<repo>"}, {r.Other, "<other>"}}
	slices.SortFunc(repos, func(a, b [2]string) int { return len(b[0]) - len(a[0]) }) // one can begin with the other
	for _, repo := range repos {
		add(repo[0], repo[1])
		add(strings.ReplaceAll(repo[0], "/", "%2F"), repo[1])
	}
	return &names{strings.NewReplacer(pairs...), digests}
}

// answer returns what is compared of an answer to an operation.
func (n *names) answer(operation op.Op, status int, header http.Header, body []byte) Answer {
	a := Answer{Status: status, Header: n.headers(header), Body: n.body(body)}
	if !bodyLength(operation, status) {
		delete(a.Header, "Content-Length")
	}
	return a
}

// bodyLength reports whether the Content-Length of an answer is compared: it is for contents,
// which clients know before. The length of other bodies depends on the words of messages, on
// spaces in JSON, and on random names.
func bodyLength(operation op.Op, status int) bool {
	content := []op.Op{op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestHead}
	return status/100 == 2 && slices.Contains(content, operation)
}

// body returns the form of a body.
func (n *names) body(body []byte) any {
	if len(body) == 0 {
		return nil
	}
	if name, ok := n.digests[digest.FromBytes(body)]; ok && name != "empty" {
		return "<" + name + ">"
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return "<text>"
	}
	return n.shape(value, "", true)
}

// meaning are the fields of JSON whose values have a meaning for clients: codes, names, tags,
// descriptors, and how long a token is valid. Those of an error's detail have none.
var meaning = []string{"code", "name", "tags", "schemaVersion", "mediaType", "artifactType", "digest", "size", "annotations", "expires_in"}

// shape returns the shape of a JSON value of a field. values reports whether values are kept.
func (n *names) shape(value any, field string, values bool) any {
	keep := values && slices.Contains(meaning, field)
	switch v := value.(type) {
	case map[string]any:
		shape := make(map[string]any, len(v))
		for name, element := range v {
			inner := name
			if field == "annotations" {
				inner = field
			}
			shape[n.text(name)] = n.shape(element, inner, values && name != "detail")
		}
		return shape
	case []any:
		shape := make([]any, len(v))
		for i, element := range v {
			shape[i] = n.shape(element, field, values)
		}
		return shape
	case string:
		if keep {
			return n.text(v)
		}
		return "<string>"
	case float64:
		if keep {
			return v
		}
		return "<number>"
	case bool:
		return "<boolean>"
	}
	return nil
}
