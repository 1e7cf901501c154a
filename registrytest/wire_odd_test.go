package registrytest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// oddFields are fields that no good server sends: those of the connection, those that
// frame the body, and what is no field at all.
var oddFields = []struct {
	name, value string
	refused     string // why no rule may have it; empty: it may
}{
	{"Content-Length", "", "no number of bytes"},
	{"Content-Length", "-1", "no number of bytes"},
	{"Content-Length", "+5", "no number of bytes"},
	{"Content-Length", " 5", "no number of bytes"},
	{"Content-Length", "0x10", "no number of bytes"},
	{"Content-Length", "1e3", "no number of bytes"},
	{"Content-Length", "5, 5", "no number of bytes"},
	{"Content-Length", "18446744073709551616", "no number of bytes"},
	{"Content-Length", "{repo}", "no number of bytes"},
	{"content-length", "00010", ""},
	{"Content-Length", "9223372036854775807", ""},
	{"Transfer-Encoding", "chunked", "Transfer-Encoding is the server's"},
	{"transfer-encoding", "identity", "Transfer-Encoding is the server's"},
	{"Connection", "close", ""},
	{"connection", "Docker-Content-Digest", ""},
	{"Connection", "upgrade", ""},
	{"Upgrade", "h2c", ""},
	{"Keep-Alive", "timeout=0", ""},
	{"Proxy-Connection", "close", ""},
	{"TE", "trailers", ""},
	{"trailer", "Content-Length", "Trailer is the server's"},
	{"Trailer", "Docker-Content-Digest", "Trailer is the server's"},
	{"Trailer:X-Late", "late", "no name of a header field"},
	{":status", "204", "no name of a header field"},
	{"", "x", "no name of a header field"},
	{"A B", "x", "no name of a header field"},
	{"Ü", "x", "no name of a header field"},
	{"X-Odd", "a\r\nContent-Length: 0\r\n\r\n", "control character"},
	{"X-Odd", "a\x00b", "control character"},
	{"X-Odd", "a\x7fb", "control character"},
	{"X-Odd", "\xff\xfe", ""},
	{"X-Odd", "ü", ""},
	{"X-Odd", "", ""},
	{"X-Odd", " a ", ""},
	{"X-Odd", strings.Repeat("x", 100<<10), ""},
	{"Content-Type", "", ""},
	{"Date", "yesterday", ""},
	{"Content-Encoding", "gzip", ""},
	{"Location", "http://[::1", ""},
}

// TestWireOddFields: a field that cannot be sent is refused where a rule is added. Any
// other is sent or left out, and the connection works on: it is a fault in one answer,
// not in those that follow. Each field is tried in a sample of the forms.
func TestWireOddFields(t *testing.T) {
	shelf := newShelf(t)
	for i, f := range oddFields {
		name := f.name + "=" + f.value[:min(len(f.value), 20)]
		t.Run(name, func(t *testing.T) {
			shelf.each(t, sampleOf(wireForms, i), func(t *testing.T, w *wire) {
				for _, e := range []faults.Effect{faults.SetHeader(f.name, f.value), faults.Status(503).Header(f.name, f.value)} {
					for _, method := range []string{http.MethodGet, http.MethodHead} {
						w.oddField(t, f.name, e, method, f.refused)
					}
				}
			})
		})
	}
}

// oddField asks for a blob, and for it again on the same connection without the fault.
func (w *wire) oddField(t *testing.T, name string, e faults.Effect, method, refused string) {
	t.Helper()
	defer w.reg.Faults().Clear()
	rule := faults.On(op.BlobGet, op.BlobHead).Named(wireRule).Times(1).Optional().Do(e)
	err := add(w.reg, rule)
	if _, own := e.(faults.Answer); own && strings.EqualFold(name, "Content-Length") {
		refused = "Content-Length is that of the body"
	}
	if refused != "" {
		require.ErrorContains(t, err, refused)
		return
	}
	require.NoError(t, err)

	q := w.blob(w.small).by(method)
	talk := w.talk(t)
	got := ask(t, talk, q)
	require.Contains(t, []int{200, 503}, got.status, "there is an answer")
	w.reg.Faults().Clear()
	if w.http2 {
		assert.Equal(t, whole, got.end)
		assert.NotContains(t, got.fields, "Connection", "HTTP/2 has none")
	} else if got.end == fin || strings.EqualFold(strings.Join(got.fields["Connection"], ""), "close") {
		talk = w.talk(t) // the connection is over, as the answer says
	}
	requireSame(t, ask(t, w.talk(t), q), ask(t, talk, q))
}
