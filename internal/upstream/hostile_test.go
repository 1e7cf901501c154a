package upstream_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/upstream"
)

// raw starts a server that reads a request and writes a text for each connection, until the client
// closes it.
func raw(t *testing.T, write func(w io.Writer)) *httptest.Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					write(c)
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return &httptest.Server{URL: "http://" + l.Addr().String()}
}

// endless writes a text again and again until that fails.
func endless(text string) func(io.Writer) {
	return func(w io.Writer) {
		for {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}
}

// What a hostile registry sends ends in a 502, and takes neither memory nor time without bounds.
func TestHostileHeaders(t *testing.T) {
	text := func(s string) func(io.Writer) {
		return func(w io.Writer) { _, _ = io.WriteString(w, s) }
	}
	for name, test := range map[string]struct {
		write func(io.Writer)
		want  string
	}{
		"endless header":       {func(w io.Writer) { text("HTTP/1.1 200 OK\r\n")(w); endless("A: b\r\n")(w) }, "exceeded"},
		"endless line":         {func(w io.Writer) { text("HTTP/1.1 200 OK\r\nA: ")(w); endless("aaaaaaaa")(w) }, "exceeded"},
		"provisional flood":    {endless("HTTP/1.1 103 Early Hints\r\nLink: <https://evil.example/>\r\n\r\n"), "more than 8 provisional answers"},
		"two lengths":          {text("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "Content-Length"},
		"a negative length":    {text("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab"), "Content-Length"},
		"no HTTP":              {text("SSH-2.0\r\n"), "malformed HTTP"},
		"nothing":              {text(""), "EOF"},
		"other protocol":       {text("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), "switches to another protocol"},
		"bare protocol":        {text("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "switches to another protocol"},
		"two locations":        {text("HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: /a\r\nLocation: /b\r\n\r\n"), "several Locations"},
		"a script":             {text("HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: javascript:alert(1)\r\n\r\n"), "is not an http or https URL"},
		"a file":               {text("HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: file:///etc/passwd\r\n\r\n"), "is not an http or https URL"},
		"a user in a location": {text("HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: http://a:hunter2@b/\r\n\r\n"), "contains a user"},
		"a long location":      {text("HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: /" + strings.Repeat("a", 9000) + "\r\n\r\n"), "longer than"},
		"a location of no URL": {text("HTTP/1.1 307 x\r\nContent-Length: 0\r\nLocation: http://[::1\r\n\r\n"), "is not a URL"},
		"a strange realm":      {text("HTTP/1.1 401 x\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer realm=\"gopher://a/\"\r\n\r\n"), "realm of its challenge: is not an http"},
		"a strange link":       {text("HTTP/1.1 200 x\r\nContent-Length: 0\r\nLink: <ldap://a/>; rel=next\r\n\r\n"), "Link of its answer: is not an http"},
		"other coding":         {text("HTTP/1.1 200 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), "transfer encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			f := inFront(t, raw(t, test.write), upstream.Options{})
			a := f.get(t, "/v2/a/blobs/"+someDigest)
			f.refused(t, a, test.want)
			assert.NotContains(t, a.body, "hunter2")
			assert.Empty(t, a.Header.Get("Link"))
		})
	}
}

// A field that cannot be read does not pass, and neither does an address outside of it.
func TestMalformedFields(t *testing.T) {
	f := inFront(t, raw(t, func(w io.Writer) {
		_, _ = io.WriteString(w, "HTTP/1.1 401 x\r\nContent-Length: 0\r\nLink: https://secret.example/\r\nWWW-Authenticate: Bearer realm='http://secret.example/token';x\r\n"+
			"WWW-Authenticate: bearer Realm = http://secret.example/t,service=\"s\"\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\r\n")
	}), upstream.Options{})
	a := f.get(t, "/v2/")
	assert.Empty(t, a.Header.Get("Link"))
	assert.NotContains(t, fmt.Sprint(a.Header), "secret.example")
	assert.Contains(t, a.Header.Values("Www-Authenticate"), `Basic realm="a"`)
	assert.Len(t, a.Header.Values("Www-Authenticate"), 3)
}

// Bodies that end early end the answer early. Those that are longer than they should be are cut.
func TestHostileBodies(t *testing.T) {
	for name, test := range map[string]struct {
		answer, body, marked string
	}{
		"short":         {"Content-Length: 10\r\n\r\nabc", "abc", "ended after 3 bytes: unexpected EOF"},
		"long":          {"Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\nevil", "abc", ""},
		"without end":   {"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "abc", "unexpected EOF"},
		"bad chunk":     {"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "abc", "invalid byte in chunk length"},
		"both lengths":  {"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", ""},
		"until the end": {"Connection: close\r\n\r\nabc", "abc", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := inFront(t, raw(t, func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\n"+test.answer) }), upstream.Options{})
			response, err := f.Client().Get(f.URL + "/v2/")
			require.NoError(t, err)
			text, err := io.ReadAll(response.Body)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, test.marked != "", err != nil)
			assert.Equal(t, test.body, string(text))
			if mark := <-f.marks; test.marked == "" {
				assert.Empty(t, mark)
			} else {
				assert.Contains(t, mark, test.marked)
			}
		})
	}
}

// A compressed body is not decompressed, and an endless one passes until the client leaves.
func TestBombs(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeros{}, 8<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	f := inFront(t, origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		if r.URL.Path == "/v2/endless" {
			for {
				if _, err := w.Write(bomb.Bytes()); err != nil {
					return
				}
			}
		}
		_, _ = w.Write(bomb.Bytes())
	}), upstream.Options{})
	assert.Equal(t, bomb.String(), f.get(t, "/v2/", "Accept-Encoding", "gzip").body)
	response, err := f.Client().Get(f.URL + "/v2/endless")
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, response.Body, 1<<20)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

// The redirects that follow one another are counted, whatever they lead to.
func TestRedirectLoop(t *testing.T) {
	var up *httptest.Server
	reached := 0
	up = origin(t, func(w http.ResponseWriter, r *http.Request) {
		reached++
		http.Redirect(w, r, up.URL+"/loop", http.StatusFound)
	})
	f := inFront(t, up, upstream.Options{})
	a := f.get(t, "/v2/a/blobs/"+someDigest)
	for range 5 {
		require.Equal(t, http.StatusFound, a.StatusCode)
		a = f.get(t, a.Header.Get("Location"))
	}
	f.refused(t, a, "more than 5 redirects in a row")
	assert.Equal(t, 6, reached)
}

// https never becomes http.
func TestDowngrade(t *testing.T) {
	up := origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(r.URL.Query().Get("field"), r.URL.Query().Get("value"))
		w.WriteHeader(http.StatusUnauthorized)
	})
	f := inFront(t, up, upstream.Options{})
	for field, value := range map[string]string{
		"Location": "http://127.0.0.1:1/", "Link": "<http://127.0.0.1:1/>; rel=next", "WWW-Authenticate": `Bearer realm="http://127.0.0.1:1/"`,
	} {
		f.refused(t, f.get(t, "/v2/?"+url.Values{"field": {field}, "value": {value}}.Encode()), "leads from https to http at host 127.0.0.1:1")
	}
}

// last makes the server close the connection, if it has understood what came before.
const last = "GET /v2/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

// dialled sends raw requests, and returns the answers of the server as one text. The server must
// close the connection.
func dialled(t *testing.T, f *front, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(f.URL, "http://"))
	require.NoError(t, err)
	defer c.Close()
	_, _ = io.WriteString(c, text) // the server may refuse it, and close the connection, before it has read all
	answer, _ := io.ReadAll(c)
	return string(answer)
}

// What a client sends chooses no host, and smuggles no request.
func TestHostileClient(t *testing.T) {
	seen := make(chan string, 100)
	up := raw(t, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		seen <- fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", string(body), " ", r.Header.Get("Upgrade"), r.Header.Get("Smuggled"), r.Header.Get("Connection"), err)
	}))
	t.Cleanup(server.Close)
	f := inFront(t, server, upstream.Options{})
	host := strings.TrimPrefix(server.URL, "http://")
	evil := strings.TrimPrefix(up.URL, "http://")
	for name, test := range map[string]struct{ send, status, seen string }{
		"host":                 {"GET /v2/ HTTP/1.1\r\nHost: " + evil + "\r\n\r\n", "200", "GET /v2/ " + host + "  <nil>"},
		"absolute URL":         {"GET http://" + evil + "/v2/ HTTP/1.1\r\nHost: a\r\n\r\n", "200", "GET /v2/ " + host + "  <nil>"},
		"double slash":         {"GET //" + evil + "/v2/ HTTP/1.1\r\nHost: a\r\n\r\n", "404", ""},
		"user in path":         {"GET /@" + evil + "/ HTTP/1.1\r\nHost: a\r\n\r\n", "404", ""},
		"ns":                   {"GET /v2/?ns=" + evil + " HTTP/1.1\r\nHost: a\r\n\r\n", "200", "GET /v2/?ns=" + evil + " " + host + "  <nil>"},
		"connect":              {"CONNECT " + evil + " HTTP/1.1\r\nHost: " + evil + "\r\n\r\n", "404", ""},
		"asterisk":             {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "200", ""},
		"upgrade":              {"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, Smuggled\r\nUpgrade: h2c\r\nSmuggled: x\r\n\r\n", "200", "GET /v2/ " + host + "  <nil>"},
		"length and chunks":    {"POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200", "POST /v2/ " + host + "  <nil>"},
		"two lengths":          {"POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400", ""},
		"spaced coding":        {"POST /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400", ""},
		"other coding":         {"POST /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", ""},
		"signed length":        {"POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", "400", ""},
		"line feed in a field": {"GET /v2/ HTTP/1.1\r\nHost: a\r\nA: b\rGET /evil HTTP/1.1\r\n\r\n", "400", ""},
		"two hosts":            {"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := dialled(t, f, test.send+last)
			assert.True(t, strings.HasPrefix(answer, "HTTP/1.1 "+test.status), answer)
			if test.seen != "" {
				assert.Equal(t, test.seen, <-seen)
			}
			for len(seen) > 0 {
				assert.Equal(t, "GET /v2/last "+host+"  <nil>", <-seen)
			}
		})
	}
}

// The body of a client that ends early is no error of the registry.
func TestShortRequest(t *testing.T) {
	up := origin(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	f := inFront(t, up, upstream.Options{})
	c, err := net.Dial("tcp", strings.TrimPrefix(f.URL, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(c, "PUT /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	assert.Empty(t, <-f.marks)
	assert.Contains(t, dialled(t, f, "PUT /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "the body of the request ended early")
	assert.Empty(t, <-f.marks)
}
