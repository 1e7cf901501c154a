package server

import (
	"errors"
	"syscall"
	"time"
)

const (
	// drainTime is how long a client may read nothing of what is on its way to it
	// when its connection is to be reset.
	drainTime = time.Second

	// The pauses in which that is looked at grow from minPause to maxPause.
	minPause = 50 * time.Microsecond
	maxPause = 10 * time.Millisecond
)

// Abort closes the connection so that the client reads what was written before,
// and then its reads and writes fail with "connection reset". It waits for that,
// but not for a client that reads nothing for a second. On systems other than
// Linux, what the network has not taken yet is lost.
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

// drain returns when nothing is on its way to the client, or no less than before.
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

// sever closes the connection without a word, however busy it is.
func (c *Conn) sever() {
	c.record.Severed()
	c.wire.Close()
	c.endFrames()
	c.record.Closed() // nobody may close it once more
}

// endFrames ends the waiting for an opportunity to write.
func (c *Conn) endFrames() {
	if w := c.frames.Load(); w != nil {
		w.close()
	}
}
