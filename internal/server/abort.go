package server

import (
	"errors"
	"syscall"
	"time"
)

const (
	// drainTime is how long a client may stop reading before Abort resets its connection.
	drainTime = time.Second

	// The polling interval grows from minPause to maxPause.
	minPause = 50 * time.Microsecond
	maxPause = 10 * time.Millisecond
)

// Abort resets the connection after the client has received everything written before: its next
// reads and writes fail with "connection reset". Abort stops waiting for a client that reads
// nothing for a second. On systems other than Linux, bytes that are still in the send buffer are
// lost.
func (c *Conn) Abort() error {
	c.record.Severed()
	if w := c.frames.Load(); w != nil {
		w.settle()
	}
	c.aborting.Store(true)
	defer c.aborting.Store(false)
	c.drain()
	return c.reset()
}

// drain waits until the client has acknowledged all bytes, or acknowledges none for drainTime.
func (c *Conn) drain() {
	raw, ok := c.wire.Conn.(syscall.Conn)
	if !ok {
		return
	}
	stuck := time.NewTimer(drainTime)
	defer stuck.Stop()
	pause := minPause
	for left := onItsWay(raw); left > 0; {
		select {
		case <-time.After(pause):
		case <-stuck.C:
			return
		case <-c.server.ctx.Done():
			return
		}
		pause = min(2*pause, maxPause)
		if now := onItsWay(raw); now < left {
			left = now
			stuck.Reset(drainTime)
		}
	}
}

// reset closes the connection at once.
func (c *Conn) reset() error {
	c.endFrames()
	switch raw := c.wire.Conn.(type) {
	case interface{ Reset() error }:
		return raw.Reset()
	case interface{ SetLinger(sec int) error }:
		return errors.Join(raw.SetLinger(0), c.wire.Close())
	}
	return c.wire.Close()
}

// sever closes the connection at once, even while it is in use.
func (c *Conn) sever() {
	c.record.Severed()
	c.wire.Close()
	c.endFrames()
	c.record.Closed() // a second Close has no effect
}

// endFrames ends the waiting for a write.
func (c *Conn) endFrames() {
	if w := c.frames.Load(); w != nil {
		w.close()
	}
}
