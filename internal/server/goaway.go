package server

import "time"

const (
	// unusedTime is when a stream is taken for one that the client has ended, if
	// it was to be reset and was not.
	unusedTime = 10 * time.Second

	// warnTime is how long a client may take to answer the warning that the
	// connection will be closed.
	warnTime = time.Minute
)

// goAway is the end of an HTTP/2 connection for new streams (RFC 9113, 6.8).
type goAway struct {
	warned   bool   // the client was told that it comes
	refusing bool   // streams above the last are not processed
	last     uint32 // the last, as it was announced
	abrupt   bool   // streams up to it are given up
	ended    bool   // nothing more is written

	timer *time.Timer // of what is done if the client does not do its part
}

// goAway closes the connection to new streams, behind what handlers have flushed. It
// ends once the others have, or at once if the code is one of an error.
func (w *frameWriter) goAway(code uint32) {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.put(w.refuseStreams(code)) // the client has left
}

// goAwayUnprocessed does the same when the next stream is reset, which is not among
// those that are processed. If the client has ended it meanwhile, it does so
// without.
func (w *frameWriter) goAwayUnprocessed(code uint32) {
	w.resetWith(reset{code: errorRefusedStream, goAway: &code})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after(unusedTime, func() {
		for w.busy && w.err == nil && w.next.goAway == &code { // the reset may be what comes next
			w.changed.Wait()
		}
		if w.next.goAway == &code {
			w.next = reset{}
			_ = w.put(w.refuseStreams(code)) // the client has left
		}
	})
}

// goAwayGracefully warns the client, and closes the connection to new streams once the
// client has answered that, or has had time to.
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

// after calls a function after some time, with w.mu held, unless the connection ends
// before or something else is to be done after some time. w.mu is held.
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

// closeWarned closes the connection to new streams if that was not done yet. w.mu is
// held.
func (w *frameWriter) closeWarned() {
	if !w.away.refusing {
		_ = w.put(w.refuseStreams(errorNone)) // the client has left
	}
}

// refuseStreams closes the connection to the streams that have not begun, and returns
// the frame that says so. w.mu is held.
func (w *frameWriter) refuseStreams(code uint32) []byte {
	last := w.streams.processed()
	if w.away.refusing {
		last = min(last, w.away.last) // which never grows
	}
	w.away.refusing, w.away.last = true, last
	w.away.abrupt = w.away.abrupt || code != errorNone
	return goAwayFrame(last, code)
}

// heard notes a frame from the client, and reports whether the connection is closed to
// new streams.
func (w *frameWriter) heard(h *frameHeader) (refusing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.away.refusing || h.stream() <= w.streams.last {
		w.streams.heard(h)
	}
	if h.kind() == framePing && h.has(flagAck) && w.away.warned && !w.away.refusing {
		w.after(0, w.closeWarned) // it may have to wait for a client that does not read
	}
	w.endIfDone()
	return w.away.refusing
}

// endIfDone ends the connection if nothing is left to be said. w.mu is held.
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

// GoAway implements [faults.Conn].
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

// giveUp records that the streams of the connection are given up, if a code is one of
// an error.
func (c *Conn) giveUp(code uint32) {
	if code != errorNone {
		c.record.Severed()
	}
}

// GoAwayGracefully implements [faults.Conn].
func (c *Conn) GoAwayGracefully() {
	if w := c.frames.Load(); w != nil {
		w.goAwayGracefully()
	}
}

// endWriting tells the client that nothing more will be written, and gives it some
// time to leave: the system drops what the client has not read yet if the connection
// is closed while there is something to read from it.
func (c *Conn) endWriting() {
	_ = c.CloseWrite() // the client has left
	_ = c.wire.SetReadDeadline(time.Now().Add(headerTimeout))
}
