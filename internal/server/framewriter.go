package server

import (
	"encoding/binary"
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
// frames between those of net/http, and change the error code of a reset.
//
// Whoever waits does so on changed and not on the mutex, so that the clock of a
// synctest bubble goes on.
type frameWriter struct {
	write func([]byte) (int, error) // the connection's

	mu      sync.Mutex
	changed sync.Cond // whatever follows
	frame   framePosition
	busy    bool  // somebody writes
	writes  int   // those of net/http that have ended
	err     error // why nothing more is written

	queue        [][]byte // to be put between two frames
	queued, sent int      // how many were ever put into the queue, and written

	code  uint32    // for the next stream that is reset
	coded time.Time // when code was set; zero if there is none
	holds bool      // the place is in the payload of a reset, of which
	held  []byte    // this is held back
}

func newFrameWriter(write func([]byte) (int, error)) *frameWriter {
	w := &frameWriter{write: write}
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
	return len(p), nil
}

// send writes without holding the lock.
func (w *frameWriter) send(p []byte) error {
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

// edit returns what is to be written for p. It does not write into p, which may
// be somebody's content.
func (w *frameWriter) edit(p []byte) []byte {
	if len(w.queue) == 0 && w.coded.IsZero() && !w.holds {
		for rest := p; len(rest) > 0; {
			rest = rest[w.frame.next(rest):]
		}
		return p
	}
	var edited []byte
	for len(p) > 0 {
		edited = w.takeQueue(edited)
		n := w.frame.next(p)
		edited = w.appendPart(edited, p[:n])
		p = p[n:]
	}
	return w.takeQueue(edited)
}

// takeQueue appends the queue if it may be written here.
func (w *frameWriter) takeQueue(b []byte) []byte {
	if !w.frame.between() {
		return b
	}
	for _, q := range w.queue {
		b = append(b, q...)
	}
	w.queue = nil
	return b
}

// appendPart appends the header or the payload of a frame, or a part of it. The
// payload of a reset is held back until all of it is there.
func (w *frameWriter) appendPart(b, part []byte) []byte {
	if !w.holds {
		w.holds = !w.coded.IsZero() && w.frame.payload(frameRSTStream, 4)
		return append(b, part...)
	}
	w.held = append(w.held, part...)
	if len(w.held) < 4 {
		return b
	}
	if binary.BigEndian.Uint32(w.held) == errorInternal && !w.coded.IsZero() {
		binary.BigEndian.PutUint32(w.held, w.code)
		w.coded = time.Time{}
		w.changed.Broadcast()
	}
	b = append(b, w.held...)
	w.held, w.holds = w.held[:0], false
	return b
}

// inject writes bytes between two frames, behind what handlers have flushed.
func (w *frameWriter) inject(b []byte) error {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
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
	return nil
}

// resetWith sets the error code for the next reset, once the one before is used.
func (w *frameWriter) resetWith(code uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.coded.IsZero() && w.err == nil {
		stale := w.coded.Add(staleTime)
		if time.Now().Before(stale) {
			w.waitUntil(stale)
		} else if w.busy { // the reset may be what comes next
			w.changed.Wait()
		} else {
			break
		}
	}
	w.code, w.coded = code, time.Now()
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
	w.changed.Broadcast()
}
