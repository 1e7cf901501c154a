package record

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/op"
)

// Transcript returns the requests and answers as text for a golden file. The text is the same
// whenever the client does the same.
//
//	GET http://<host-1>/v2/app/manifests/v1
//	> Accept: application/vnd.oci.image.manifest.v1+json
//	> User-Agent: crane
//	< 200
//	< Content-Length: 1024
//	< Content-Type: application/vnd.oci.image.manifest.v1+json
//	< Docker-Content-Digest: <digest-1>
//
// Hosts, digests, upload sessions, and the values of query parameters that the specification
// does not define, such as _state, are replaced by names in the order of their appearance:
// <host-1>, <digest-1>, <session-1>, <state-1>. The transcript shows the header fields that
// matter to the protocol, sorted by name, the scheme and the scopes of credentials, and the
// products of User-Agent without their versions. It does not show dates, durations,
// connections, and the length of errors and tokens.
//
// Since clients send requests in parallel, the transcript orders them. Consecutive requests
// for content by digest, including uploads, are in the order in which manifests of the log
// list the content: after the manifest if it is fetched, before it if it is pushed. Requests
// for the same content keep their order. A request for a token stays with the challenge that
// it answers. Other requests keep their place: those for tags and lists, deletions, and
// failed attempts to begin an upload.
//
// The transcript is not stable if the number of requests depends on time, or if these
// requests are sent in parallel: requests for tags or lists, for parts of the same content,
// and for uploads that are never committed. Content that no manifest lists is ordered by
// digest, which is not stable if its bytes change. If several clients share a registry,
// divide the log with [Log.By] first.
func (l Log) Transcript() string {
	t := transcript{names: newNames(l)}
	for i, x := range l.transcriptOrder() {
		if i > 0 {
			t.text.WriteByte('\n')
		}
		t.exchange(x)
	}
	return t.text.String()
}

type transcript struct {
	names *names
	text  strings.Builder
}

func (t *transcript) exchange(x *Exchange) {
	target := x.Target
	if strings.HasPrefix(target, "/") {
		target = x.origin() + target
	}
	t.line("", x.Method+" "+t.names.replace(target))
	t.fields("> ", x, x.Header, requestFields)
	if x.RequestBytes > 0 && x.Header.Get("Content-Length") == "" {
		t.line("> ", "(body of unannounced length)")
	}
	t.line("< ", strings.Join(x.outcome(), " "))
	t.fields("< ", x, x.ResponseHeader, responseFields)
}

func (x *Exchange) origin() string {
	if x.Secure {
		return "https://" + x.Host
	}
	return "http://" + x.Host
}

// outcome is the status, and what befell the answer.
func (x *Exchange) outcome() []string {
	var words []string
	switch {
	case x.Status != 0:
		words = append(words, strconv.Itoa(x.Status))
	case !x.Open:
		words = append(words, "(no answer)")
	}
	words = append(words, slices.Compact(slices.Clone(x.Codes))...)
	for _, name := range x.Faults {
		words = append(words, "(fault "+name+")")
	}
	for _, state := range []struct {
		on   bool
		text string
	}{{x.Open, "(in flight)"}, {x.Left, "(client left)"}, {x.Cut, "(cut)"}} {
		if state.on {
			words = append(words, state.text)
		}
	}
	return words
}

func (t *transcript) line(prefix, text string) {
	t.text.WriteString(prefix)
	t.text.WriteString(terminal.Escape(redact.Plain(text)))
	t.text.WriteByte('\n')
}

// transcriptField is a header field that is shown. stable returns the stable part
// of a value, or nothing if there is none; nil stands for names in the value.
type transcriptField struct {
	name   string
	stable func(x *Exchange, value string) string
}

var requestFields = []transcriptField{
	{name: "Accept"},
	{name: "Accept-Encoding"},
	{"Authorization", credentials},
	{"Content-Length", requestLength},
	{name: "Content-Range"},
	{name: "Content-Type"},
	{name: "Expect"},
	{name: "If-Match"},
	{name: "If-None-Match"},
	{name: "If-Range"},
	{name: "Range"},
	{"User-Agent", func(_ *Exchange, value string) string { return productNames(value) }},
}

var responseFields = []transcriptField{
	{name: "Allow"},
	{name: "Content-Encoding"},
	{"Content-Length", responseLength},
	{name: "Content-Range"},
	{name: "Content-Type"},
	{name: "Docker-Content-Digest"},
	{name: "Link"},
	{name: "Location"},
	{name: "Oci-Chunk-Min-Length"},
	{name: "Oci-Filters-Applied"},
	{name: "Oci-Subject"},
	{name: "Oci-Tag"},
	{name: "Range"},
	{name: "Ratelimit-Limit"},
	{name: "Ratelimit-Remaining"},
	{"Retry-After", retryAfter},
	{name: "Warning"},
	{name: "Www-Authenticate"},
}

func (t *transcript) fields(prefix string, x *Exchange, h http.Header, fields []transcriptField) {
	for _, field := range fields {
		for _, value := range h[field.name] {
			if field.stable == nil {
				value = t.names.replace(value)
			} else if value = field.stable(x, value); value == "" {
				continue
			}
			t.field(prefix, field.name, value)
		}
	}
}

// field writes each media type of Accept on a line of its own.
func (t *transcript) field(prefix, name, value string) {
	parts := []string{value}
	if name == "Accept" {
		parts = strings.SplitAfter(value, ",")
	}
	label := name + ": "
	for _, part := range parts {
		t.line(prefix, label+strings.TrimSpace(part))
		label = strings.Repeat(" ", len(label))
	}
}

func credentials(x *Exchange, value string) string {
	words := append([]string{"<credentials>"}, x.Scopes...)
	sort.Strings(words[1:])
	if scheme := cmp.Or(x.Scheme, redact.Scheme(value)); scheme != "" {
		words = slices.Insert(words, 0, scheme)
	}
	return strings.Join(words, " ")
}

func requestLength(x *Exchange, value string) string {
	if x.Op == op.Token {
		return ""
	}
	return value
}

func responseLength(x *Exchange, value string) string {
	if x.Op == op.Token || x.Status >= http.StatusMultipleChoices {
		return ""
	}
	return value
}

func retryAfter(_ *Exchange, value string) string {
	if _, err := strconv.ParseUint(value, 10, 64); err != nil {
		return "<date>"
	}
	return value
}
