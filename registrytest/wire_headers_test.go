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

func TestWireHeaders(t *testing.T) { runWire(t, headerCases) }

var headerCases = []wireCase{
	header("set", faults.SetHeader("Docker-Content-Digest", "sha256:0"), seen{header: "Docker-Content-Digest: sha256:0"}),
	header("set anew, with a placeholder", faults.SetHeader("x-repo", "in {repo}"), seen{header: "X-Repo: in app"}),
	header("set twice", faults.SetHeader("Content-Type", "a/b", "c/d"), seen{header: "Content-Type: a/b\nContent-Type: c/d"}),
	header("add", faults.AddHeader("Content-Type", "a/b"), seen{header: "Content-Type: application/octet-stream\nContent-Type: a/b"}),
	header("drop", faults.DropHeader("Docker-Content-Digest"), seen{header: "-Docker-Content-Digest"}),
	header("drop Content-Type", faults.DropHeader("content-type"), seen{header: "-Content-Type"}),
	header("drop Date", faults.DropHeader("date"), seen{header: "-Date"}),
	header("drop Content-Length", faults.DropHeader("content-length"), seen{header: "-Content-Length\nTransfer-Encoding: chunked"}),
	header("smaller Content-Length", faults.SetHeader("Content-Length", "10"), seen{header: "Content-Length: 10"}, 10),
	header("no Content-Length at all", faults.SetHeader("Content-Length", "0"), seen{header: "Content-Length: 0"}, 0),
	header("larger Content-Length", faults.SetHeader("content-length", "1001"), seen{header: "Content-Length: 1001", end: fin, end2: whole}),
	onHead(header("HEAD, set", faults.SetHeader("Content-Length", "7"), seen{header: "Content-Length: 7"})),
	onHead(header("HEAD, drop", faults.DropHeader("Content-Length"), seen{header: "-Content-Length"})),
	{
		name: "drop Content-Length of much", do: []faults.Effect{faults.DropHeader("Content-Length")},
		ask: func(w *wire) rawAsk { return w.blob(w.big) },
		want: func(w *wire) seen {
			return seen{status: 200, header: "-Content-Length\nTransfer-Encoding: chunked", body: w.bytes[string(w.big.Digest)]}
		},
	},
	another("failure", 500, same),
	another("success", 201, same),
	another("of a part", 206, same),
	another("no content", 204, first(0), "-Content-Length"),
	in(inHTTP1, another("not modified", 304, first(0), "-Content-Length", "-Content-Type")), // net/http leaves it out
	in(inHTTP2, another("not modified", 304, first(0), "-Content-Length")),
	onHead(another("HEAD", 404, same)),
	location("path", faults.Location{Path: "/elsewhere/{repo}"}, "/elsewhere/app?"),
	location("absolute", faults.Location{Absolute: true}, "{scheme}://use-registry-transport.test/v2/app/blobs/uploads/"),
	location("scheme", faults.Location{Scheme: "gopher"}, "gopher://use-registry-transport.test/v2/app/blobs/uploads/"),
	location("host", faults.Location{Host: "other.example:81"}, "{scheme}://other.example:81/v2/app/blobs/uploads/"),
	{
		name: "location without its query", do: []faults.Effect{faults.Location{DropQuery: true}},
		talk: func(t *testing.T, w *wire) {
			w.inject(t, faults.On(op.UploadStart).Times(1).Do(faults.Location{DropQuery: true}))
			talk := w.talk(t)
			got := ask(t, talk, startUpload())
			require.Equal(t, 202, got.status)
			location := got.fields["Location"][0]
			assert.NotContains(t, location, "?")
			assert.Equal(t, 404, ask(t, talk, rawAsk{target: location}).status, "the state is missing")
			assert.Contains(t, ask(t, talk, startUpload()).fields["Location"][0], "?_state=")
			w.checkRecord(t, got)
		},
	},
}

// another is a case in which only the status changes, and what HTTP has for it.
func another(name string, status int, change func([]byte) []byte, header ...string) wireCase {
	return wireCase{name: "another status, " + name, do: []faults.Effect{faults.SetStatus(status)}, want: func(w *wire) seen {
		return seen{status: status, header: lines(w, header), body: change(w.bytes[string(w.small.Digest)])}
	}}
}

// header is a case in which fields of the answer with a blob change, and so many
// bytes of it are left if it says how many.
func header(name string, e faults.Effect, want seen, left ...int) wireCase {
	want.status = 200
	return wireCase{name: "header, " + name, do: []faults.Effect{e}, want: func(w *wire) seen {
		want := want
		want.body = w.bytes[string(w.small.Digest)]
		if len(left) > 0 {
			want.body = want.body[:left[0]]
		}
		return want
	}}
}

func onHead(c wireCase) wireCase {
	c.ask = func(w *wire) rawAsk { return w.blob(w.small).by(http.MethodHead) }
	return c
}

func in(forms func(wireForm) bool, c wireCase) wireCase {
	c.only = forms
	return c
}

func startUpload() rawAsk { return rawAsk{method: "POST", target: "/v2/app/blobs/uploads/"} }

// location is a case in which an upload begins somewhere else.
func location(name string, e faults.Location, want string) wireCase {
	return wireCase{name: "location, " + name, do: []faults.Effect{e}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.UploadStart).Times(1).Do(e))
		talk := w.talk(t)
		got := ask(t, talk, startUpload())
		require.Equal(t, 202, got.status)
		require.Len(t, got.fields["Location"], 1)
		want := strings.ReplaceAll(want, "{scheme}", map[bool]string{true: "https", false: "http"}[w.tls])
		assert.Equal(t, want, got.fields["Location"][0][:len(want)])
		assert.Contains(t, got.fields["Location"][0], "?_state=")
		assert.Regexp(t, "^/v2/app/blobs/uploads/", ask(t, talk, startUpload()).fields["Location"][0])
		w.checkRecord(t, got)
	}}
}
