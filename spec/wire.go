package spec

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// hush is how long a connection is listened to that the registry does not close.
const hush = 5 * time.Second

// endsWithHeader repeats a request without a body on a connection of its own, and
// fails the check if anything follows the header of the answer, which net/http does
// not show. Where only HTTP/2 is spoken there is nothing to be seen.
func (a *answer) endsWithHeader() *answer {
	conn, err := a.t.suite.dial(a.t.context, a.request.URL)
	if err != nil {
		a.t.failf("%s %s: %v", a.sent.method, a.sent.url, err)
	}
	if conn == nil {
		return a
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hush)) // without one it is the context that ends
	r := a.request.Clone(a.t.context)
	r.Close = true
	if err := r.Write(conn); err != nil {
		a.t.failf("%s %s: %v", a.sent.method, a.sent.url, err)
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, r)
	if err != nil || response.StatusCode != a.status {
		return a
	}
	rest, _ := io.ReadAll(in) // until the registry closes the connection, or is silent
	if len(rest) > 0 {
		a.t.failf("%s %s: want nothing after the header of the answer, got %s", a.sent.method, a.sent.url, summary(rest))
	}
	return a
}

// dial connects to where a URL is, for HTTP/1.1. It returns nil if it cannot be told
// how the client connects.
func (s *Suite) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok {
		return nil, nil
	}
	if transport.Proxy != nil {
		if proxy, err := transport.Proxy(&http.Request{URL: u}); proxy != nil || err != nil {
			return nil, err
		}
	}
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // by name
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme == "http" {
		return conn, err
	}
	config := new(tls.Config)
	if transport.TLSClientConfig != nil {
		config = transport.TLSClientConfig.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	return tls.Client(conn, config), nil
}
