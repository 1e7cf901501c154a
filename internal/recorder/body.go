package recorder

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// keepsRequest reports whether the body of a request is kept.
func keepsRequest(o op.Op) bool { return o == op.ManifestPut || o == op.Token }

// keepsAnswer reports whether the body of an answer is kept.
func keepsAnswer(o op.Op, status int) bool {
	if status >= http.StatusBadRequest {
		return true
	}
	switch o {
	case op.ManifestGet, op.TagList, op.ReferrerList, op.RepositoryList, op.Token:
		return true
	}
	return false
}

// requestBody lets the body of a request pass and counts its bytes. What handlers do
// not read is read, and counted, where net/http would read it: before the answer and
// after the handler. A client that expects "100 Continue" is told to send when the
// handler reads, and not otherwise.
type requestBody struct {
	*pending
	body io.ReadCloser

	mu          sync.Mutex // held while reading: net/http does not allow two readers
	reading     bool       // the handler has read
	keepRequest bool
	ended       bool   // by its end, an error, or because it was closed
	peeked      []byte // read and not counted yet
	room        [1]byte
}

// Read implements [io.Reader].
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read(p)
}

// read reads and counts. b.mu is held.
func (b *requestBody) read(p []byte) (n int, err error) {
	if !b.reading {
		b.reading = true
		b.keepRequest = keepsRequest(b.info.Op)
	}
	if len(b.peeked) > 0 {
		n = copy(p, b.peeked)
		b.peeked = b.peeked[n:]
	} else {
		n, err = b.body.Read(p)
	}
	b.received.Add(int64(n))
	if b.keepRequest && n > 0 {
		b.keep(func(k *bodies, limit int) { k.asked.add(p[:n], limit) })
	}
	b.note(err)
	return n, err
}

// Peek waits for the next byte of the body, which the next Read returns. The error is
// the one that Read would return in its place.
func (b *requestBody) Peek() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = true
	b.keepRequest = keepsRequest(b.info.Op)
	for len(b.peeked) == 0 {
		n, err := b.body.Read(b.room[:])
		b.peeked = b.room[:n]
		if err != nil && n == 0 {
			b.note(err)
			return err
		}
	}
	return nil
}

// note notes the error that reading ended with, if it did.
func (b *requestBody) note(err error) {
	if err != nil {
		b.ended = true
	}
	if err != nil && err != io.EOF {
		b.failed(err)
	}
}

// Close implements [io.Closer].
func (b *requestBody) Close() error {
	b.drain()
	return b.body.Close()
}

// maxDrained is how much net/http reads of a body that the handler has not read.
const maxDrained = 256 << 10

// drain reads what net/http reads of a body that the handler leaves unread, so that it
// is counted: all of it, unless that is much. For HTTP/2, net/http has already received
// what can be read.
func (b *requestBody) drain() {
	if !b.served() {
		return
	}
	if b.request.ProtoMajor != 1 {
		b.drainStream()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.pending.asked.expects && !b.reading || b.request.ContentLength-b.received.Load() > maxDrained {
		return // net/http closes the connection instead
	}
	if _, err := io.CopyN(io.Discard, readerFunc(b.read), maxDrained+1); err == nil && b.expire() == nil {
		_, _ = io.Copy(io.Discard, readerFunc(b.read)) // what is in net/http's buffer
	}
}

// drainStream counts what has arrived in a stream of HTTP/2.
func (b *requestBody) drainStream() {
	if b.mu.TryLock() {
		ended := b.ended
		b.mu.Unlock()
		if ended {
			return
		}
	}
	b.watch()
	if b.expire() != nil { // it also ends a Read that waits
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		_, _ = io.Copy(io.Discard, readerFunc(b.read))
	}
}

// expire lets reading fail once all that has arrived was read.
func (b *requestBody) expire() error {
	return http.NewResponseController(b.out).SetReadDeadline(time.Unix(1, 0))
}

// served reports whether it is a server of net/http that made the request.
func (p *pending) served() bool { return p.request.Context().Value(http.ServerContextKey) != nil }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// failed notes whether reading failed because the client is no longer there,
// rather than for what it sent.
func (b *requestBody) failed(err error) {
	var network net.Error
	switch {
	case isTimeout(err):
		b.expired.Store(true)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), b.request.Context().Err() != nil:
		b.gone()
	}
}

// redact takes the secrets out of the bodies of token requests and of errors. Manifests
// and lists are content and do not change.
func (b *bodies) redact(r redact.Redactor, o op.Op, status int) {
	switch {
	case o == op.Token:
		b.asked.b, b.answered.b = r.TokenRequest(b.asked.b), r.TokenAnswer(b.answered.b, status < http.StatusMultipleChoices)
	case status >= http.StatusBadRequest:
		b.answered.b = r.ErrorBody(b.answered.b)
	}
}
