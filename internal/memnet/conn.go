package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Conn is one end of a connection. Its methods may be called concurrently.
//
// As with TCP, what the peer does to the connection is seen after what it wrote
// has been read: then Read returns [io.EOF] if it closed it, and fails with
// [syscall.ECONNRESET] if it reset it. Writing fails at once, with [syscall.EPIPE]
// or [syscall.ECONNRESET]. Unlike with TCP, nothing that was written before is
// ever lost.
type Conn struct {
	in, out       *pipe
	local, remote addr
}

// pair returns the dialing and the accepting end of a new connection.
func pair(client, server addr) (*Conn, *Conn) {
	link := &struct {
		up, down pipe
		ends     [2]Conn
	}{}
	link.up.init()
	link.down.init()
	link.ends[0] = Conn{in: &link.down, out: &link.up, local: client, remote: server}
	link.ends[1] = Conn{in: &link.up, out: &link.down, local: server, remote: client}
	return &link.ends[0], &link.ends[1]
}

// Read implements [net.Conn].
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = c.error("read", err)
	}
	return n, err
}

// Write implements [net.Conn]. It returns once all of p is in the buffer or
// with the peer. Concurrent writes are not mixed.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = c.error("write", err)
	}
	return n, err
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	if !c.in.closeReader() {
		return c.error("close", net.ErrClosed)
	}
	c.out.closeWriter(net.ErrClosed)
	return nil
}

// CloseWrite tells the peer that nothing more will be written. Reading goes on.
func (c *Conn) CloseWrite() error {
	if c.in.readerClosed() {
		return c.error("close", net.ErrClosed)
	}
	c.out.closeWriter(errPipe)
	return nil
}

// Reset closes the connection so that the peer's writes fail with
// [syscall.ECONNRESET] at once, and its reads when it has read what was written
// before.
func (c *Conn) Reset() error {
	if !c.in.resetByReader() {
		return c.error("close", net.ErrClosed)
	}
	c.out.resetByWriter()
	return nil
}

// LocalAddr implements [net.Conn]. It is the address that was dialed on the
// accepting end, and 127.0.0.1 with a port on the other.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements [net.Conn].
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements [net.Conn].
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.in.setReadDeadline(t) {
		return c.error("set", net.ErrClosed)
	}
	return nil
}

// SetWriteDeadline implements [net.Conn].
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.in.readerClosed() {
		return c.error("set", net.ErrClosed)
	}
	c.out.setWriteDeadline(t)
	return nil
}

func (c *Conn) error(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

var (
	errPipe       = os.NewSyscallError("write", syscall.EPIPE)
	errReadReset  = os.NewSyscallError("read", syscall.ECONNRESET)
	errWriteReset = os.NewSyscallError("write", syscall.ECONNRESET)
)
