package server

import (
	"net"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

const (
	// settleTime is how long net/http has to write what handlers have flushed: it buffers frames
	// while there are more of them.
	settleTime = 10 * time.Millisecond

	// staleTime is the time after which an error code is unused, because the client has reset its
	// stream: the next code replaces it.
	staleTime = time.Second
)

// frameWriter writes the server's side of an HTTP/2 connection. It can insert frames between those
// of net/http, change the error code of RST_STREAM, and close the connection to new streams; see
// goaway.go.
//
// Goroutines wait on changed and not on the mutex, so that the clock of a synctest bubble advances.
type frameWriter struct {
	write func([]byte) (int, error) // writes to the connection
	end   func()                    // ends the connection after the last write

	mu      sync.Mutex
	changed sync.Cond // one of the fields below has changed
	frame   framePosition
	busy    bool  // a write is in progress
	writes  int   // number of finished writes of net/http
	err     error // returned by further writes

	queue        [][]byte // waits for a frame boundary
	queued, sent int      // total number of frames queued, and written

	drops [effect.Changes]func() // frames that are not written; called at the first of them, see [effect.Change]

	next  reset  // applies to the next stream that is reset
	holds bool   // the current frame is held back
	held  []byte // its bytes so far

	streams streams
	away    goAway
}

// reset is the change to a stream that net/http resets with INTERNAL_ERROR.
type reset struct {
	code   uint32
	set    time.Time // zero if there is no change
	goAway *uint32   // the stream is unprocessed; send GOAWAY with this code
}

func newFrameWriter(write func([]byte) (int, error), end func()) *frameWriter {
	w := &frameWriter{write: write, end: end}
	w.changed.L = &w.mu
	return w
}

// Write writes a part of the stream. The part may begin and end inside a frame.
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

// send writes p without holding the lock.
func (w *frameWriter) send(p []byte) error {
	if w.away.ended {
		p = nil // on an error, net/http would reset the connection
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

// inject inserts bytes between two frames, after everything that handlers have flushed.
func (w *frameWriter) inject(b []byte) error {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.put(b)
}

// put inserts bytes between two frames. The caller holds w.mu.
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

// resetWith sets the change to the next stream that is reset. It waits until the previous change
// has been applied.
func (w *frameWriter) resetWith(next reset) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.next.set.IsZero() && w.err == nil {
		stale := w.next.set.Add(staleTime)
		if time.Now().Before(stale) {
			w.waitUntil(stale)
		} else if w.busy { // the current write may contain the reset
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

// change changes what is written from now on.
func (w *frameWriter) change(what effect.Change, acted func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drops[what] = sync.OnceFunc(acted)
}

// settle waits until net/http has written what handlers have flushed. Any write that ends after the
// call to settle contains it. A write in progress may take as long as a slow client needs.
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

// waitUntil waits for a change, or until t.
func (w *frameWriter) waitUntil(t time.Time) {
	timer := time.AfterFunc(time.Until(t), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer timer.Stop()
	w.changed.Wait()
}

// close makes all current and future calls fail.
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
