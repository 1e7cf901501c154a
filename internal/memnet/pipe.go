package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The buffer of a pipe grows from minBuffer to at most maxBuffer.
const (
	minBuffer = 4 << 10
	maxBuffer = 64 << 10
)

// pipe is one direction of a connection: a bounded buffer, the state of both sides, and their
// deadlines.
type pipe struct {
	mu       sync.Mutex
	readable sync.Cond // Read may continue
	writable sync.Cond // Write may continue

	ring    []byte
	start   int // index of the first byte in ring
	length  int
	writing bool // a Write is in progress

	readClosed  bool  // by the reader
	writeClosed error // error of Write after the writer closed
	wasReset    bool

	readDeadline, writeDeadline deadline
}

func (p *pipe) init() {
	p.readable.L = &p.mu
	p.writable.L = &p.mu
	p.readDeadline.expired = p.readable.Broadcast
	p.writeDeadline.expired = p.writable.Broadcast
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readClosed:
			return 0, net.ErrClosed
		case len(b) == 0:
			return 0, nil
		case p.readDeadline.passed:
			return 0, os.ErrDeadlineExceeded
		case p.length > 0:
			n := p.take(b)
			p.writable.Broadcast()
			return n, nil
		case p.wasReset:
			return 0, errReadReset
		case p.writeClosed != nil:
			return 0, io.EOF
		}
		p.readable.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.writing && p.writeError() == nil {
		p.writable.Wait()
	}
	if err := p.writeError(); err != nil {
		return 0, err
	}
	p.writing = true
	defer func() {
		p.writing = false
		p.writable.Broadcast()
	}()
	for {
		if err := p.writeError(); err != nil {
			return n, err
		}
		if room := p.put(b[n:]); room > 0 {
			n += room
			p.readable.Broadcast()
		}
		if n == len(b) {
			return n, nil
		}
		p.writable.Wait()
	}
}

// writeError returns the error of Write in the current state, or nil.
func (p *pipe) writeError() error {
	switch {
	case p.writeClosed != nil:
		return p.writeClosed
	case p.wasReset:
		return errWriteReset
	case p.writeDeadline.passed:
		return os.ErrDeadlineExceeded
	case p.readClosed:
		return errPipe
	}
	return nil
}

// put copies as much of b as fits into the ring. It grows the ring if needed.
func (p *pipe) put(b []byte) int {
	if need := min(p.length+len(b), maxBuffer); need > len(p.ring) {
		grown := make([]byte, min(max(need, 2*len(p.ring), minBuffer), maxBuffer))
		p.copyOut(grown)
		p.ring, p.start = grown, 0
	}
	b = b[:min(len(b), len(p.ring)-p.length)]
	if len(b) == 0 {
		return 0
	}
	end := (p.start + p.length) % len(p.ring)
	n := copy(p.ring[end:], b)
	copy(p.ring, b[n:])
	p.length += len(b)
	return len(b)
}

// take moves bytes from the ring to b.
func (p *pipe) take(b []byte) int {
	n := p.copyOut(b)
	p.start = (p.start + n) % len(p.ring)
	p.length -= n
	if p.length == 0 {
		p.start = 0
	}
	return n
}

// copyOut copies the first bytes of the ring to b.
func (p *pipe) copyOut(b []byte) int {
	b = b[:min(len(b), p.length)]
	n := copy(b, p.ring[p.start:])
	copy(b[n:], p.ring)
	return len(b)
}

// closeReader closes the read side, and reports whether it was open.
func (p *pipe) closeReader() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readClosed {
		return false
	}
	p.readClosed = true
	p.readDeadline.set(p, time.Time{})
	p.drop()
	return true
}

func (p *pipe) readerClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readClosed
}

// closeWriter closes the write side. Further calls of Write fail with err.
func (p *pipe) closeWriter(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeClosed = err
	p.writeDeadline.set(p, time.Time{})
	p.wake()
}

// resetByReader closes the read side for the reader, and resets the pipe for the writer.
func (p *pipe) resetByReader() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readClosed {
		return false
	}
	p.readClosed = true
	p.wasReset = true
	p.readDeadline.set(p, time.Time{})
	p.drop()
	return true
}

// resetByWriter closes the write side for the writer, and resets the pipe for the reader, unless
// the write side was closed before.
func (p *pipe) resetByWriter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wasReset = p.writeClosed == nil
	p.writeClosed = net.ErrClosed
	p.writeDeadline.set(p, time.Time{})
	p.wake()
}

func (p *pipe) drop() {
	p.ring, p.start, p.length = nil, 0, 0
	p.wake()
}

func (p *pipe) wake() {
	p.readable.Broadcast()
	p.writable.Broadcast()
}

// setReadDeadline reports whether the read side is open.
func (p *pipe) setReadDeadline(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readClosed {
		return false
	}
	p.readDeadline.set(p, t)
	return true
}

func (p *pipe) setWriteDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writeClosed == nil {
		p.writeDeadline.set(p, t)
	}
}

// deadline is the time at which calls on one side of a pipe time out. The lock of the pipe guards
// it.
type deadline struct {
	at      time.Time // zero without a deadline
	passed  bool
	timer   *time.Timer // created once, running until at
	expired func()      // wakes blocked calls
}

func (d *deadline) set(p *pipe, t time.Time) {
	d.at = t
	d.passed = false
	left := time.Until(t)
	switch {
	case t.IsZero():
		if d.timer != nil {
			d.timer.Stop()
		}
	case left <= 0:
		d.passed = true
		d.expired()
	case d.timer == nil:
		d.timer = time.AfterFunc(left, func() { d.fire(p) })
	default:
		d.timer.Reset(left)
	}
}

// fire is called by the timer. The deadline may have changed in the meantime.
func (d *deadline) fire(p *pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.at.IsZero() || d.passed {
		return
	}
	if left := time.Until(d.at); left > 0 {
		d.timer.Reset(left)
		return
	}
	d.passed = true
	d.expired()
}
