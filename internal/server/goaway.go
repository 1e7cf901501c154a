package server

import "time"

const (
	// unusedTime is the time after which a stream that was not reset counts as ended by the client.
	unusedTime = 10 * time.Second

	// warnTime is how long a client may take to answer the first GOAWAY of a graceful shutdown.
	warnTime = time.Minute
)

// goAway is the state of closing an HTTP/2 connection to new streams (RFC 9113, section 6.8).
type goAway struct {
	warned   bool   // the first GOAWAY of a graceful shutdown is sent
	refusing bool   // streams above last are not processed
	last     uint32 // the last stream in GOAWAY
	abrupt   bool   // the connection ends without waiting for streams
	ended    bool   // nothing more is written

	timer *time.Timer // runs if the client does not react
}

// goAway closes the connection to new streams, after everything that handlers have flushed. The
// connection ends with its last stream, or at once if the code is an error code.
func (w *frameWriter) goAway(code uint32) {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.put(w.refuseStreams(code)) // the client has left
}

// goAwayUnprocessed does the same as goAway when the next stream is reset, and leaves that stream
// out of those that are processed. If the client ends the stream first, the connection closes
// anyway.
func (w *frameWriter) goAwayUnprocessed(code uint32) {
	w.resetWith(reset{code: errorRefusedStream, goAway: &code})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after(unusedTime, func() {
		for w.busy && w.err == nil && w.next.goAway == &code { // the current write may contain the reset
			w.changed.Wait()
		}
		if w.next.goAway == &code {
			w.next = reset{}
			_ = w.put(w.refuseStreams(code)) // the client has left
		}
	})
}

// goAwayGracefully sends a GOAWAY with the highest stream identifier, and closes the connection to
// new streams when the client acknowledges it, or after warnTime.
func (w *frameWriter) goAwayGracefully() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away.warned || w.away.refusing {
		return
	}
	w.away.warned = true
	w.after(warnTime, w.closeWarned)
	_ = w.put(append(goAwayFrame(maxStream, errorNone), pingFrame()...)) // the client has left
}

// after calls a function after d, with w.mu held, unless the connection ends or after is called
// again before. The caller holds w.mu.
func (w *frameWriter) after(d time.Duration, do func()) {
	if w.away.timer != nil {
		w.away.timer.Stop()
	}
	w.away.timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		do()
	})
}

// closeWarned closes the connection to new streams if it is still open. The caller holds w.mu.
func (w *frameWriter) closeWarned() {
	if !w.away.refusing {
		_ = w.put(w.refuseStreams(errorNone)) // the client has left
	}
}

// refuseStreams closes the connection to streams that have not begun, and returns the GOAWAY frame.
// The caller holds w.mu.
func (w *frameWriter) refuseStreams(code uint32) []byte {
	last := w.streams.processed()
	if w.away.refusing {
		last = min(last, w.away.last) // it must not grow
	}
	w.away.refusing, w.away.last = true, last
	w.away.abrupt = w.away.abrupt || code != errorNone
	return goAwayFrame(last, code)
}

// heard records a frame from the client, and reports whether the connection is closed to new
// streams.
func (w *frameWriter) heard(h *frameHeader) (refusing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.away.refusing || h.stream() <= w.streams.last {
		w.streams.heard(h)
	}
	if h.kind() == framePing && h.has(flagAck) && w.away.warned && !w.away.refusing {
		w.after(0, w.closeWarned) // in its own goroutine: it may wait for a slow client
	}
	w.endIfDone()
	return w.away.refusing
}

// endIfDone ends the connection if no stream is left. The caller holds w.mu.
func (w *frameWriter) endIfDone() {
	if !w.away.refusing || w.away.ended || w.busy || len(w.queue) > 0 || !w.frame.between() {
		return
	}
	if w.away.abrupt || len(w.streams.open) == 0 {
		w.away.ended, w.busy = true, true
		w.mu.Unlock()
		w.end()
		w.mu.Lock()
		w.busy = false
		w.changed.Broadcast()
	}
}

// GoAway implements [effect.Conn].
func (c *Conn) GoAway(code uint32, processed bool) {
	w := c.frames.Load()
	switch {
	case w == nil:
	case processed:
		c.giveUp(code)
		w.goAway(code)
	default:
		c.giveUp(code)
		w.goAwayUnprocessed(code)
	}
}

// giveUp records the end of the connection's streams if the code is an error code.
func (c *Conn) giveUp(code uint32) {
	if code != errorNone {
		c.record.Severed()
	}
}

// GoAwayGracefully implements [effect.Conn].
func (c *Conn) GoAwayGracefully() {
	if w := c.frames.Load(); w != nil {
		w.goAwayGracefully()
	}
}

// endWriting closes the write side, and gives the client time to leave: the system discards what
// the client has not read if the connection is closed with unread input.
func (c *Conn) endWriting() {
	_ = c.CloseWrite() // the client has left
	_ = c.wire.SetReadDeadline(time.Now().Add(headerTimeout))
}
