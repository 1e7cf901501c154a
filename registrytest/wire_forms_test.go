package registrytest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/registrytest"
)

// wireForm is a way to hold a raw conversation with a registry.
type wireForm struct {
	name    string
	http2   bool
	tls     bool
	memory  bool // in a bubble, where the clock tells how long something took
	options []registrytest.Option
}

var wireForms = []wireForm{
	{name: "HTTP/1.1"},
	{name: "HTTP/1.1 over TLS", tls: true, options: []registrytest.Option{registrytest.WithTLS()}},
	{name: "HTTP/2", http2: true, tls: true, options: []registrytest.Option{registrytest.WithHTTP2()}},
	{name: "h2c", http2: true, options: []registrytest.Option{registrytest.WithH2C()}},
	{name: "HTTP/1.1 in memory", memory: true, options: []registrytest.Option{registrytest.WithInMemory()}},
	{name: "HTTP/2 in memory", memory: true, http2: true, options: []registrytest.Option{registrytest.WithInMemory(), registrytest.WithH2C()}},
	{name: "HTTP/2 over TLS in memory", memory: true, http2: true, tls: true, options: []registrytest.Option{registrytest.WithInMemory(), registrytest.WithHTTP2()}},
}

// eachWire runs a check in every form that a function wants, or in all, with a
// registry that has the content of a shelf.
func eachWire(t *testing.T, wants func(wireForm) bool, check func(t *testing.T, w *wire)) {
	t.Helper()
	newShelf(t).each(t, formsOf(wants), check)
}

// formsOf returns the forms that a function wants, or all.
func formsOf(wants func(wireForm) bool) []wireForm {
	return slices.DeleteFunc(slices.Clone(wireForms), func(f wireForm) bool { return wants != nil && !wants(f) })
}

// sampleOf returns one of the forms of each protocol, another one for each number, or all with
// the flag -thorough.
func sampleOf(forms []wireForm, number int) []wireForm {
	var http1, http2 []wireForm
	for _, f := range forms {
		if f.http2 {
			http2 = append(http2, f)
		} else {
			http1 = append(http1, f)
		}
	}
	return append(thorough.Sample(http1, max(1, len(http1)), number), thorough.Sample(http2, max(1, len(http2)), number)...)
}

func inMemory(f wireForm) bool { return f.memory }
func inHTTP1(f wireForm) bool  { return !f.http2 }
func inHTTP2(f wireForm) bool  { return f.http2 }
func overTLS(f wireForm) bool  { return f.tls }

// wire is a registry, and raw conversations with it.
type wire struct {
	wireForm
	*shelf
	reg *registrytest.Registry
}

// dial opens a connection to a host, the registry's if it is empty, and does no
// more.
func (w *wire) dial(t testing.TB, host string) (net.Conn, error) {
	t.Helper()
	if host == "" {
		host = w.reg.Host()
	}
	dial := (&net.Dialer{}).DialContext
	if w.memory {
		dial = w.reg.Transport().DialContext
		if _, _, err := net.SplitHostPort(host); err != nil {
			host += ":443"
		}
	}
	c, err := dial(context.Background(), "tcp", host)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// shake does the client's part of a TLS handshake in the way of the form.
func (w *wire) shake(c net.Conn) (*tls.Conn, error) {
	config := &tls.Config{RootCAs: w.reg.CertPool(), ServerName: "localhost", CurvePreferences: []tls.CurveID{tls.CurveP256}} // the fastest
	if w.http2 {
		config.NextProtos = []string{"h2"}
	}
	secure := tls.Client(c, config)
	return secure, secure.Handshake()
}

// talk opens a connection to the registry, ready for a first request.
func (w *wire) talk(t testing.TB) rawTalk {
	t.Helper()
	return w.talkTo(t, "", w.tls)
}

// talkTo opens a connection to a host, in the clear or not.
func (w *wire) talkTo(t testing.TB, host string, encrypted bool) rawTalk {
	t.Helper()
	c, err := w.dial(t, host)
	require.NoError(t, err)
	if encrypted {
		c, err = w.shake(c)
		require.NoError(t, err)
	}
	return w.talkOn(t, c)
}

func (w *wire) talkOn(t testing.TB, c net.Conn) rawTalk {
	t.Helper()
	if w.http2 {
		return newTalk2(t, c)
	}
	return newTalk1(c)
}

// rawTalk is a conversation on one connection, seen byte by byte or frame by frame.
type rawTalk interface {
	say(t testing.TB, q rawAsk)    // sends a request; the server need not read all of it
	hear(t testing.TB) *rawAnswer  // reads until the answer to the last one ends
	open(t testing.TB, q rawAsk)   // sends a request whose body follows, without its length
	send(p []byte)                 // sends a part of the body
	endBody()                      // ends the body
	hearSlowly(int, time.Duration) // read a few bytes at a time from now on, with pauses
}

func ask(t testing.TB, talk rawTalk, q rawAsk) *rawAnswer {
	t.Helper()
	talk.say(t, q)
	return talk.hear(t)
}

// rawAsk is a request.
type rawAsk struct {
	method string // GET if empty
	target string
	header string // lines of "Name: value"
	body   []byte
}

// inApp asks for something in the repository app.
func inApp(target string) rawAsk { return rawAsk{target: "/v2/app/" + target} }

func (q rawAsk) with(header string) rawAsk {
	q.header += header + "\n"
	return q
}

func (q rawAsk) by(method string) rawAsk {
	q.method = method
	return q
}

func (q rawAsk) fields() (fields [][2]string) {
	for line := range strings.Lines(q.header) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		fields = append(fields, [2]string{name, value})
	}
	return fields
}

// rawAnswer is what came of an answer.
type rawAnswer struct {
	head   string              // in HTTP/1.1, as it came
	status int                 // 0: there was none
	fields map[string][]string // names in canonical form
	body   []byte              // without the chunks of HTTP/1.1
	raw    []byte              // what is no answer, and frames of an unknown type
	end    string
	pace   []portion // when the body came
	took   time.Duration
}

// portion is what came at one moment.
type portion struct {
	after time.Duration
	bytes int
}

// Ends of answers. Those of HTTP/2 are the frames that came: "RST_STREAM
// CANCEL", "GOAWAY 0 NO_ERROR, RST_STREAM CANCEL".
const (
	whole = "whole"
	fin   = "FIN"
	rst   = "RST"
)

// endOf names the way in which a connection ended.
func endOf(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return fin
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.Errno(10054)): // that of Windows
		return rst
	}
	return err.Error()
}

// maxGot is how much is kept of what came on a connection, at least.
const maxGot = 64 << 10

// watched is a connection that notes what comes, and how it ended.
type watched struct {
	net.Conn
	begun time.Time    // when the last request was sent
	got   bytes.Buffer // what came first
	err   error
	most  int // bytes to read at a time; 0: all that there are
	pause time.Duration
}

func (c *watched) Read(p []byte) (int, error) {
	if c.most > 0 {
		p = p[:min(len(p), c.most)]
	}
	if c.pause > 0 {
		time.Sleep(c.pause)
	}
	n, err := c.Conn.Read(p)
	if c.got.Len() < maxGot {
		c.got.Write(p[:n])
	}
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

func (c *watched) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && endOf(err) == rst && c.err == nil {
		c.err = err // reading would find the end in order, then
	}
	return n, err
}

func (c *watched) hearSlowly(most int, pause time.Duration) { c.most, c.pause = most, pause }

// arrived notes bytes of a body.
func (a *rawAnswer) arrived(p []byte, since time.Time) {
	a.body = append(a.body, p...)
	after := time.Since(since)
	if n := len(a.pace); n > 0 && a.pace[n-1].after == after {
		a.pace[n-1].bytes += len(p)
	} else if len(p) > 0 {
		a.pace = append(a.pace, portion{after, len(p)})
	}
}
