package server

import (
	"net"
	"sync"
	"time"
)

const (
	// settleTime is how long net/http gets to write what handlers have flushed:
	// that lies in a buffer until it has no more frames to put there.
	settleTime = 10 * time.Millisecond

	// staleTime is when an error code is taken for unused, since its stream was
	// reset by the client before: then the next one replaces it.
	staleTime = time.Second
)

// frameWriter writes what the server says on an HTTP/2 connection. It can put
// frames between those of net/http, change the error code of a reset, and close the
// connection to new streams; see goaway.go.
//
// Whoever waits does so on changed and not on the mutex, so that the clock of a
// synctest bubble goes on.
type frameWriter struct {
	write func([]byte) (int, error) // the connection's
	end   func()                    // the connection's: nothing more is written

	mu      sync.Mutex
	changed sync.Cond // whatever follows
	frame   framePosition
	busy    bool  // somebody writes
	writes  int   // those of net/http that have ended
	err     error // why nothing more is written

	queue        [][]byte // to be put between two frames
	queued, sent int      // how many were ever put into the queue, and written

	next  reset  // what becomes of the next stream that is reset
	holds bool   // the frame of the place is held back, of which
	held  []byte // this is there

	streams streams
	away    goAway
}

// reset is what becomes of a stream that net/http resets with INTERNAL_ERROR.
type reset struct {
	code   uint32
	set    time.Time // zero if there is none
	goAway *uint32   // it was not processed, and the connection is closed with this code
}

func newFrameWriter(write func([]byte) (int, error), end func()) *frameWriter {
	w := &frameWriter{write: write, end: end}
	w.changed.L = &w.mu
	return w
}

// Write writes a part of the stream, which begins and ends anywhere in a frame.
func (w *frameWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy && w.err == nil {
		w.changed.Wait()
	}
	if w.err != nil {
		return 0, w.err
	}
	err := w.send(w.edit(p))
	w.writes++
	if err != nil {
		return 0, err
	}
	w.endIfDone()
	return len(p), nil
}

// send writes without holding the lock.
func (w *frameWriter) send(p []byte) error {
	if w.away.ended {
		p = nil // an error would have net/http reset the connection
	}
	w.busy = true
	taken := w.queued - len(w.queue)
	w.mu.Unlock()
	_, err := w.write(p)
	w.mu.Lock()
	w.busy = false
	if err == nil {
		w.sent = taken
	} else if w.err == nil {
		w.err = err
	}
	w.changed.Broadcast()
	return err
}

// inject writes bytes between two frames, behind what handlers have flushed.
func (w *frameWriter) inject(b []byte) error {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.put(b)
}

// put writes bytes between two frames. w.mu is held.
func (w *frameWriter) put(b []byte) error {
	w.queue = append(w.queue, b)
	w.queued++
	for mine := w.queued; w.sent < mine; {
		switch {
		case w.err != nil:
			return w.err
		case !w.busy && w.frame.between():
			w.send(w.takeQueue(nil))
		default:
			w.changed.Wait()
		}
	}
	w.endIfDone()
	return nil
}

// resetWith says what becomes of the next stream that is reset, once the one before
// is.
func (w *frameWriter) resetWith(next reset) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.next.set.IsZero() && w.err == nil {
		stale := w.next.set.Add(staleTime)
		if time.Now().Before(stale) {
			w.waitUntil(stale)
		} else if w.busy { // the reset may be what comes next
			w.changed.Wait()
		} else {
			break
		}
	}
	if code := w.next.goAway; code != nil {
		_ = w.put(w.refuseStreams(*code)) // the client has left
	}
	next.set = time.Now()
	w.next = next
}

// settle returns when net/http has written what handlers have flushed. Any of its
// writes that ends from now on carries that. A write that has begun may take as
// long as a slow client needs, but not as one that reads nothing.
func (w *frameWriter) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, begun := w.writes, time.Now()
	for w.writes == before && w.err == nil {
		end := begun.Add(settleTime)
		if w.busy {
			end = begun.Add(drainTime)
		}
		if !time.Now().Before(end) {
			return
		}
		w.waitUntil(end)
	}
}

// waitUntil waits for a change, or for a moment that lies ahead.
func (w *frameWriter) waitUntil(t time.Time) {
	timer := time.AfterFunc(time.Until(t), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer timer.Stop()
	w.changed.Wait()
}

// close lets all who wait, or come, fail.
func (w *frameWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = net.ErrClosed
	}
	if w.away.timer != nil {
		w.away.timer.Stop()
	}
	w.changed.Broadcast()
}
