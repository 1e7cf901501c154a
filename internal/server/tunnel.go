package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// tunnel is a connection to a proxy that the proxy has led to a server of its network: what comes
// after the header of the CONNECT request. Faults act on the connection itself, as without a proxy.
type tunnel struct {
	outer    *Conn // carries the bytes, possibly encrypted
	host     address
	buffered *bufio.Reader // what the client sent before it had the answer to CONNECT; then nil
	idle     *time.Timer
	ended    func() // once
}

// address is the address that a client asked a proxy for.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// tunnel leads a connection to a server of the network.
func (p *proxy) tunnel(w http.ResponseWriter, c *Conn, at authority) {
	if !p.enter() {
		refuse(w, http.StatusServiceUnavailable, "TOOMANYREQUESTS", at.String(), "there are too many tunnels")
		return
	}
	from, ok := established(w, c)
	if !ok {
		p.leave()
		return
	}
	t := &tunnel{outer: c, host: address(at.String()), buffered: from}
	t.idle = time.AfterFunc(idleTunnel, func() { t.Close() })
	t.ended = sync.OnceFunc(func() {
		t.idle.Stop()
		p.leave()
	})
	c.record.Led(at.String())
	if err := p.Hosts.Offer(p.server.ctx, at.host, t); err != nil {
		p.server.log.Debug("proxy cannot lead a tunnel to its registry", "host", at.String(), "error", err)
		t.Close()
	}
}

// established takes the connection from net/http and tells the client that the tunnel is open. It
// returns a reader of what the client has sent already, or nil if that is nothing.
func established(w http.ResponseWriter, c *Conn) (from *bufio.Reader, ok bool) {
	_, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, which targetOf refuses
		refuse(w, http.StatusNotImplemented, "UNSUPPORTED", "", "the connection cannot become a tunnel: "+err.Error())
		return nil, false
	}
	c.wire.SetDeadline(time.Now().Add(headerTimeout))
	if _, err := c.send([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		c.Close()
		return nil, false
	}
	c.wire.SetDeadline(time.Time{})
	if buffer.Reader.Buffered() > 0 {
		return buffer.Reader, true
	}
	return nil, true
}

// Read implements [net.Conn].
func (t *tunnel) Read(p []byte) (n int, err error) {
	if t.buffered != nil {
		if t.buffered.Buffered() > 0 {
			return t.buffered.Read(p[:min(len(p), t.buffered.Buffered())])
		}
		t.buffered = nil
	}
	if n, err = t.outer.Read(p); err == nil {
		t.idle.Reset(idleTunnel)
	}
	return n, err
}

// Write implements [net.Conn].
func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.outer.send(p)
	if err == nil {
		t.idle.Reset(idleTunnel)
	}
	return n, err
}

// Close implements [net.Conn].
func (t *tunnel) Close() error {
	t.ended()
	return t.outer.Close()
}

// Reset resets the connection.
func (t *tunnel) Reset() error {
	t.ended()
	t.outer.server.forget(t.outer)
	defer t.outer.record.Closed()
	return t.outer.reset()
}

// CloseWrite closes the write side of the connection.
func (t *tunnel) CloseWrite() error { return t.outer.CloseWrite() }

// SyscallConn implements [syscall.Conn], to see what the client has acknowledged.
func (t *tunnel) SyscallConn() (syscall.RawConn, error) {
	if raw, ok := t.outer.wire.Conn.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// LocalAddr implements [net.Conn]. It returns the address that the client asked for.
func (t *tunnel) LocalAddr() net.Addr { return t.host }

// RemoteAddr implements [net.Conn].
func (t *tunnel) RemoteAddr() net.Addr { return t.outer.RemoteAddr() }

// SetDeadline implements [net.Conn].
func (t *tunnel) SetDeadline(at time.Time) error { return t.outer.SetDeadline(at) }

// SetReadDeadline implements [net.Conn].
func (t *tunnel) SetReadDeadline(at time.Time) error { return t.outer.SetReadDeadline(at) }

// SetWriteDeadline implements [net.Conn].
func (t *tunnel) SetWriteDeadline(at time.Time) error { return t.outer.SetWriteDeadline(at) }

// misleads reports whether a request in a tunnel is for a host that leads elsewhere.
func (c *Conn) misleads(r *http.Request) bool {
	if _, ok := c.wire.Conn.(*tunnel); !ok {
		return false
	}
	at, err := parseAuthority(r.Host, "443")
	return err != nil || c.server.config.Network.Route(at.host) != c.from.Listener
}

// misdirected answers a request in a tunnel that is for another host (RFC 9110, section 15.5.20).
func misdirected(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusMisdirectedRequest, "DENIED", "", "the tunnel leads to another registry than the host of the request")
}

// pass opens a tunnel to the real host and carries bytes until both sides have ended, the tunnel is
// idle, or the server closes.
func (p *proxy) pass(w http.ResponseWriter, r *http.Request, c *Conn, at authority) {
	if !p.enter() {
		refuse(w, http.StatusServiceUnavailable, "TOOMANYREQUESTS", at.String(), "there are too many tunnels")
		return
	}
	defer p.leave()
	ctx, cancel := context.WithTimeout(r.Context(), headerTimeout)
	defer cancel()
	to, err := p.Dial(ctx, at.host, at.port)
	if err != nil {
		refuse(w, http.StatusBadGateway, "UNKNOWN", at.short(), "cannot connect to "+at.String()+": "+err.Error())
		return
	}
	defer to.Close()
	from, ok := established(w, c)
	if !ok {
		return
	}
	c.record.Led(at.String())
	p.server.log.Info("proxy passes a tunnel on", "host", at.short())
	client := io.Reader(c)
	if from != nil {
		client = io.MultiReader(io.LimitReader(from, int64(from.Buffered())), c)
	}
	carry(p.server.ctx, c, client, to)
}

// carry copies bytes between a client and a host in both directions, and closes both at the end.
func carry(ctx context.Context, c *Conn, client io.Reader, to net.Conn) {
	end := sync.OnceFunc(func() {
		c.Close()
		to.Close()
	})
	defer end()
	defer context.AfterFunc(ctx, end)()
	idle := time.AfterFunc(idleTunnel, end)
	defer idle.Stop()
	var up sync.WaitGroup
	up.Go(func() {
		if _, err := io.Copy(to, moving{client, idle}); err != nil || closeWrite(to) != nil {
			end()
		}
	})
	if _, err := io.Copy(sending{c}, moving{to, idle}); err != nil || c.CloseWrite() != nil {
		end()
	}
	up.Wait()
}

// moving reads, and puts off the end of an idle tunnel.
type moving struct {
	io.Reader
	idle *time.Timer
}

func (m moving) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.idle.Reset(idleTunnel)
	return n, err
}

// sending writes to the client of a connection without the edits of faults.
type sending struct{ *Conn }

func (s sending) Write(p []byte) (int, error) { return s.send(p) }

func closeWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return c.Close()
}
