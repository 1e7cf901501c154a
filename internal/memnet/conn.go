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
// As with TCP, the end of a connection is visible after all data has been read: Read then returns
// [io.EOF] if the peer closed the connection, and fails with [syscall.ECONNRESET] if the peer reset
// it. Writes fail at once, with [syscall.EPIPE] or [syscall.ECONNRESET]. Unlike with TCP, written
// data is never lost.
type Conn struct {
	in, out       *pipe
	local, remote addr
}

// pair returns the client and server ends of a new connection.
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

// Write implements [net.Conn]. It returns when all of p is buffered or read by the peer. Concurrent
// writes are not interleaved.
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

// CloseWrite closes the write side of the connection. Reads still work.
func (c *Conn) CloseWrite() error {
	if c.in.readerClosed() {
		return c.error("close", net.ErrClosed)
	}
	c.out.closeWriter(errPipe)
	return nil
}

// Reset resets the connection. The peer's writes fail with [syscall.ECONNRESET] at once, and its
// reads after it has read all data.
func (c *Conn) Reset() error {
	if !c.in.resetByReader() {
		return c.error("close", net.ErrClosed)
	}
	c.out.resetByWriter()
	return nil
}

// LocalAddr implements [net.Conn]. It returns the dialed address on the server end, and 127.0.0.1
// with a port on the client end.
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
