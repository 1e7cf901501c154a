package lint_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// agent sets the User-Agent.
func agent(value string) func(*http.Request, op.Op) {
	return func(r *http.Request, _ op.Op) { r.Header.Set("User-Agent", value) }
}

var robustMutants = []mutant{
	{id: "retry-at-once", variant: "no pause", in: &hiccups},
	{id: "retry-at-once", variant: "pause after the second failure", in: &flaky},

	{id: "retry-too-early", variant: "Retry-After is not read", in: &busy},
	{id: "retry-too-early", variant: "Retry-After in milliseconds", in: &busy},
	{id: "retry-too-early", variant: "a date is not understood", in: &busy},
	{id: "retry-too-early", variant: "pause limited to its own maximum", in: &busy},

	{id: "retry-without-backoff", variant: "same pause", in: &unavailable},
	{id: "retry-without-backoff", variant: "pause shrinks", in: &unavailable},

	{id: "retry-endless", variant: "pause has a maximum", in: &unavailable},
	{id: "retry-endless", variant: "pause grows", in: &unavailable},

	{id: "retry-missing", variant: "first answer counts", in: &busy},
	{id: "retry-missing", variant: "only 429 is repeated", in: &busy},

	{id: "requests-in-flight", variant: "all layers of a pull", in: &pullWide, set: unbounded},
	{id: "requests-in-flight", variant: "all layers of a push", in: &pushWide, set: unbounded},

	{id: "connection-each-request", variant: "Connection: close", in: &pull, edit: func(r *http.Request, _ op.Op) { r.Close = true }},
	{id: "connection-each-request", variant: "transport for each request", in: &push, set: func(c *client) {
		transport := c.trip().(*http.Transport)
		c.trip = func() http.RoundTripper {
			one := transport.Clone()
			one.MaxIdleConnsPerHost = -1
			return one
		}
	}},

	{id: "http-1.0", variant: "connection kept", in: &pull, set: func(c *client) {
		old := &rawTransport{proto: "HTTP/1.0", dial: c.trip().(*http.Transport).DialContext, keep: true, conn: map[string]*bufio.ReadWriter{}}
		c.trip = func() http.RoundTripper { return old }
		c.slots = make(chan struct{}, 1)
	}},
	{id: "http-1.0", variant: "connection for each request", in: &pull, set: func(c *client) {
		old := &rawTransport{proto: "HTTP/1.0", dial: c.trip().(*http.Transport).DialContext}
		c.trip = func() http.RoundTripper { return old }
	}, implied: "connection-each-request"}, // without keep-alive, the connections of HTTP/1.0 end

	{id: "user-agent-missing", variant: "no field", in: &pull, edit: agent("")},
	{id: "user-agent-missing", variant: "only on uploads", in: &push, edit: func(r *http.Request, o op.Op) {
		if chunked(o) {
			r.Header.Set("User-Agent", "")
		}
	}},

	{id: "user-agent-default", variant: "Go", in: &pull, edit: func(r *http.Request, _ op.Op) { r.Header.Del("User-Agent") }},
	{id: "user-agent-default", variant: "Python", in: &pull, edit: agent("python-requests/2.32.3")},
	{id: "user-agent-default", variant: "Java", in: &push, edit: agent("Java-http-client/21.0.4")},
}

func unbounded(c *client) { c.slots = nil }

// rawTransport sends requests without a body just as they are, with no field of its own but Host.
type rawTransport struct {
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	proto string
	keep  bool
	conn  map[string]*bufio.ReadWriter
}

func (o *rawTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	both := o.conn[r.URL.Host]
	if both == nil {
		conn, err := o.dial(r.Context(), "tcp", dialAddress(r.URL.Host))
		if err != nil {
			return nil, err
		}
		both = bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
		if o.keep {
			o.conn[r.URL.Host] = both
		} else {
			defer conn.Close()
		}
	}
	if o.keep {
		r.Header.Set("Connection", "keep-alive")
	}
	fmt.Fprintf(both, "%s %s %s\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), o.proto, r.URL.Host)
	r.Header.Write(both)
	io.WriteString(both, "\r\n")
	if err := both.Flush(); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(both.Reader, r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}

// dialAddress returns the address of a host, with its port.
func dialAddress(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(host, "80")
}
