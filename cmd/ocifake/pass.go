package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// dialPassed connects to a host, through the proxy in $HTTPS_PROXY if there is one and $NO_PROXY does
// not exclude the host. Without a proxy, it refuses the addresses that own reports, and with public
// those of this machine and of its link.
func dialPassed(ctx context.Context, host, port string, public bool, own func(netip.AddrPort) bool) (net.Conn, error) {
	target := net.JoinHostPort(host, port)
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: target}})
	if err != nil {
		return nil, errors.New("the proxy in the environment of ocifake is malformed") // its error may contain a password
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	if proxy != nil {
		return dialThrough(ctx, dialer, proxy, target)
	}
	dialer.Control = func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		addr := at.Addr().Unmap()
		switch {
		case own(netip.AddrPortFrom(addr, at.Port())):
			return errors.New("the host is this proxy itself")
		case addr.IsUnspecified() || addr.IsMulticast():
			return fmt.Errorf("%s is no address of a host", addr)
		case public && (addr.IsLoopback() || addr.IsLinkLocalUnicast()):
			return fmt.Errorf("%s is an address of this machine or of its link: name the host in --pass", addr)
		}
		return nil
	}
	return dialer.DialContext(ctx, "tcp", target)
}

// maxProxyAnswer is the maximum size of the header of a proxy's answer in bytes.
const maxProxyAnswer = 64 << 10

// dialThrough opens a tunnel through an HTTP proxy.
func dialThrough(ctx context.Context, dialer *net.Dialer, proxy *url.URL, target string) (_ net.Conn, err error) {
	ports := map[string]string{"http": "80", "https": "443"}
	if ports[proxy.Scheme] == "" {
		return nil, fmt.Errorf("the proxy %s of $HTTPS_PROXY is not an HTTP proxy", proxy.Redacted())
	}
	port := proxy.Port()
	if port == "" {
		port = ports[proxy.Scheme]
	}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if proxy.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: proxy.Hostname()})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secure
	}
	ask := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		ask += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, ask+"\r\n"); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxProxyAnswer}
	from := bufio.NewReader(limited)
	answer, err := http.ReadResponse(from, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, fmt.Errorf("read the answer of the proxy %s: %w", proxy.Redacted(), err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the proxy %s answers %d to CONNECT %s", proxy.Redacted(), answer.StatusCode, target)
	}
	early, err := from.Peek(from.Buffered())
	if err != nil {
		return nil, err
	}
	if len(early) == 0 {
		return conn, nil
	}
	return &earlyConn{Conn: conn, early: early}, nil
}

// earlyConn is a connection of which some bytes have been read already.
type earlyConn struct {
	net.Conn
	early []byte
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite closes the write side of the connection.
func (c *earlyConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}
