package registrytest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestWireRedirects(t *testing.T) { runWire(t, redirectCases) }

var redirectCases = []wireCase{
	redirected("relative loop", 307, "{target}", "/v2/app/blobs/{digest}", nil),
	redirected("absolute loop", 308, "{origin}{target}", "{scheme}://use-registry-transport.test/v2/app/blobs/{digest}", nil),
	redirected("found", 302, "https://elsewhere.example/{repo}", "https://elsewhere.example/app", nil),
	redirected("from https to http", 301, "http://{host}{target}", "http://use-registry-transport.test/v2/app/blobs/{digest}", overTLS),
	onHead(redirected("HEAD", 303, "/x", "/x", nil)),
	{name: "redirect to a dead host", do: []faults.Effect{faults.Redirect(307, "http://{dead}/x")}, talk: func(t *testing.T, w *wire) {
		u := w.follow(t, w.blob(w.small), "http://{dead}/x")
		assert.Equal(t, "/x", u.Path)
		_, err := w.dial(t, u.Host)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	}},
	{name: "redirect of a push", do: []faults.Effect{faults.Redirect(307, "/elsewhere")}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.ManifestPut).Times(1).Do(faults.Redirect(307, "/elsewhere")))
		talk := w.talk(t)
		got := ask(t, talk, putManifest("v3", make([]byte, 100_000)))
		require.Equal(t, 307, got.status)
		require.Equal(t, whole, got.end)
		w.checkRecord(t, got)
		assert.Equal(t, 404, ask(t, talk, inApp("manifests/v3")).status, "the connection works on")
	}},
	{name: "redirect to the second origin", do: []faults.Effect{faults.Redirect(307, "{cdn}")}, talk: secondOrigin},
	{name: "redirect of a manifest to the second origin", do: []faults.Effect{faults.Redirect(307, "{cdn}")}, talk: func(t *testing.T, w *wire) {
		for _, reference := range []string{"v1", string(w.v1.Digest)} {
			w.reg.Faults().Clear()
			clean := ask(t, w.talk(t), inApp("manifests/"+reference))
			u := w.follow(t, inApp("manifests/"+reference), "{cdn}")
			assert.Equal(t, "/external/app/manifests/"+string(w.v1.Digest), u.Path)
			got := ask(t, w.talkTo(t, u.Host, w.tls), rawAsk{target: u.RequestURI()})
			assert.Equal(t, 200, got.status)
			requireBytes(t, clean.body, got.body)
		}
	}},
	{name: "redirect with an expired signature", do: []faults.Effect{faults.Redirect(307, "{expired}")}, talk: func(t *testing.T, w *wire) {
		u := w.follow(t, w.blob(w.small), "{expired}")
		requireStorageError(t, ask(t, w.talkTo(t, u.Host, w.tls), rawAsk{target: u.RequestURI()}), 403, "AccessDenied", "Request has expired")
	}},
	{name: "redirect with a signature that expires", only: inMemory, do: []faults.Effect{faults.Redirect(307, "{cdn}")}, talk: func(t *testing.T, w *wire) {
		u := w.follow(t, w.blob(w.small), "{cdn}")
		q := rawAsk{target: u.RequestURI()}
		time.Sleep(20 * time.Minute)
		assert.Equal(t, 200, ask(t, w.talkTo(t, u.Host, w.tls), q).status)
		time.Sleep(time.Second)
		requireStorageError(t, ask(t, w.talkTo(t, u.Host, w.tls), q), 403, "AccessDenied", "Request has expired")
	}},
}

// redirected is a case of a redirect of the blob of 1000 bytes.
func redirected(name string, status int, to, want string, only func(wireForm) bool) wireCase {
	return wireCase{name: "redirect, " + name, only: only, do: []faults.Effect{faults.Redirect(status, to)}, want: func(w *wire) seen {
		scheme := map[bool]string{true: "https", false: "http"}[w.tls]
		location := strings.ReplaceAll(w.expand(want), "{scheme}", scheme)
		return seen{status: status, alone: true,
			header: "Content-Length: 0\nDocker-Content-Digest: " + string(w.small.Digest) + "\nLocation: " + location}
	}}
}

// follow asks for something and is sent to another place.
func (w *wire) follow(t *testing.T, q rawAsk, to string) *url.URL {
	t.Helper()
	w.inject(t, faults.On().Times(1).Do(faults.Redirect(307, to)))
	got := ask(t, w.talk(t), q)
	require.Equal(t, 307, got.status)
	require.Len(t, got.fields["Location"], 1)
	w.checkRecord(t, got)
	u, err := url.Parse(got.fields["Location"][0])
	require.NoError(t, err)
	require.NotEqual(t, "use-registry-transport.test", u.Host)
	return u
}

// secondOrigin asks it for everything, as it should be asked and otherwise.
func secondOrigin(t *testing.T, w *wire) {
	u := w.follow(t, w.blob(w.small), "{cdn}")
	assert.Equal(t, map[bool]string{true: "https", false: "http"}[w.tls], u.Scheme)
	assert.NotEqual(t, strings.Split(w.reg.Host(), ":")[0], u.Hostname(), "clients compare names, not ports")
	talk := w.talkTo(t, u.Host, w.tls)
	signed := rawAsk{target: u.RequestURI()}
	content := w.bytes[string(w.small.Digest)]

	got := ask(t, talk, signed)
	sameFields(t, map[string][]string{
		"Accept-Ranges": {"bytes"}, "Content-Length": {"1000"}, "Content-Type": {"application/octet-stream"},
		"Etag": {`"` + w.small.Digest.Encoded()[:32] + `"`}, "Date": {""},
	}, got.fields)
	requireBytes(t, content, got.body)
	part := ask(t, talk, signed.with("Range: bytes=20-29"))
	assert.Equal(t, 206, part.status)
	assert.Equal(t, []string{"bytes 20-29/1000"}, part.fields["Content-Range"])
	requireBytes(t, content[20:30], part.body)
	head := ask(t, talk, signed.by(http.MethodHead))
	assert.Equal(t, []string{"1000"}, head.fields["Content-Length"])
	assert.Empty(t, head.body)

	for _, credentials := range []string{"Basic YTpi", "Bearer x"} {
		requireStorageError(t, ask(t, talk, signed.with("Authorization: "+credentials)), 400, "InvalidArgument", "Only one auth mechanism allowed")
	}
	for _, method := range []string{"PUT", "POST", "PATCH", "DELETE", "OPTIONS"} {
		requireStorageError(t, ask(t, talk, signed.by(method)), 405, "MethodNotAllowed", "")
	}
	asked := 3 + 2 + 5 + forge(t, w, talk, u)
	log := w.reg.Requests(record.Op(op.External))
	require.Len(t, log, asked)
	assert.Equal(t, "app", log[0].Repo)
	assert.Equal(t, w.small.Digest, log[0].Digest)
	assert.Equal(t, int64(1000), log[0].ResponseBytes)
	assert.Len(t, w.reg.Requests(), asked+1, "all on the same record")
}

// forge asks for what nobody has signed, and returns how often.
func forge(t *testing.T, w *wire, talk rawTalk, u *url.URL) int {
	t.Helper()
	query := u.Query()
	signature := query.Get("signature")
	other := strings.ReplaceAll(u.Path, string(w.small.Digest), string(w.other.Digest))
	changed := func(name, value string) string {
		q := u.Query()
		q.Set(name, value)
		return u.Path + "?" + q.Encode()
	}
	unsigned := []string{
		other + "?" + u.RawQuery,
		changed("signature", strings.Repeat("0", len(signature))),
		changed("signature", signature[1:]),
		changed("signature", ""),
		changed("expires", "99999999999"),
		changed("expires", "never"),
		u.Path,
	}
	for _, target := range unsigned {
		requireStorageError(t, ask(t, talk, rawAsk{target: target}), 403, "SignatureDoesNotMatch", "")
	}
	elsewhere := []string{
		"/", "/external/", "/v2/", "/v2/app/blobs/" + string(w.small.Digest) + "?" + u.RawQuery,
		"/external/app/blobs/../../../etc/passwd?" + u.RawQuery,
		"/external/../external/app/blobs/" + string(w.small.Digest) + "?" + u.RawQuery,
		"/external/app/../app/blobs/" + string(w.small.Digest) + "?" + u.RawQuery,
		"/external/app/blobs/..%2f..%2fetc%2fpasswd?" + u.RawQuery,
		"//external/app/blobs/" + string(w.small.Digest) + "?" + u.RawQuery,
	}
	for _, target := range elsewhere {
		got := ask(t, talk, rawAsk{target: target})
		assert.Contains(t, []int{403, 404}, got.status, target)
		assert.Equal(t, []string{"application/xml"}, got.fields["Content-Type"], target)
	}
	return len(unsigned) + len(elsewhere)
}

// requireStorageError is an error as object storages have them.
func requireStorageError(t *testing.T, got *rawAnswer, status int, code, message string) {
	t.Helper()
	require.Equal(t, status, got.status)
	require.Equal(t, whole, got.end)
	require.Equal(t, []string{"application/xml"}, got.fields["Content-Type"])
	require.Contains(t, string(got.body), "<Error><Code>"+code+"</Code><Message>"+message)
}

// TestWireExternalFaults: rules mean requests to the second origin, too.
func TestWireExternalFaults(t *testing.T) {
	eachWire(t, nil, func(t *testing.T, w *wire) {
		u := w.follow(t, w.blob(w.big), "{cdn}")
		w.reg.Inject(t, faults.On(op.External).Named("cdn").Times(1).Do(faults.Reset(1<<20)))
		signed := rawAsk{target: u.RequestURI()}
		got := ask(t, w.talkTo(t, u.Host, w.tls), signed)
		assert.Equal(t, rst, got.end)
		skipUnlessDelivered(t, w)
		requireBytes(t, w.bytes[string(w.big.Digest)][:1<<20], got.body)
		requireBytes(t, w.bytes[string(w.big.Digest)], ask(t, w.talkTo(t, u.Host, w.tls), signed).body)
	})
}

// TestWireExternalBothSchemes: the second origin takes http and https on one port.
func TestWireExternalBothSchemes(t *testing.T) {
	eachWire(t, nil, func(t *testing.T, w *wire) {
		u := w.follow(t, w.blob(w.small), "{cdn}")
		for _, encrypted := range []bool{false, true} {
			c, err := w.dial(t, u.Host)
			require.NoError(t, err)
			if encrypted {
				w := *w
				w.http2 = false
				secure, err := w.shake(c)
				require.NoError(t, err)
				c = secure
			}
			_, err = io.WriteString(c, "GET "+u.RequestURI()+" HTTP/1.0\r\n\r\n")
			require.NoError(t, err)
			got, end := readAll(c)
			assert.Equal(t, fin, end)
			assert.Contains(t, got, "HTTP/1.0 200 OK\r\n")
			assert.Contains(t, got, "\r\n\r\n"+string(w.bytes[string(w.small.Digest)]))
		}
	})
}
