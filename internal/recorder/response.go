package recorder

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// response lets an answer pass and notes its status, header and length. It has
// the optional methods only that the writer below it has.
type response struct{ *pending }

// writer returns the writer to give to the handler.
func (p *pending) writer() http.ResponseWriter {
	_, flushes := p.out.(http.Flusher)
	_, hijacks := p.out.(http.Hijacker)
	_, copies := p.out.(io.ReaderFrom)
	_, pushes := p.out.(http.Pusher)
	switch {
	case flushes && hijacks && copies:
		return response1{flushing{response{p}}}
	case flushes && pushes:
		return response2{flushing{response{p}}}
	case flushes:
		return flushing{response{p}}
	}
	return response{p}
}

// Header implements [http.ResponseWriter].
func (w response) Header() http.Header { return w.out.Header() }

// WriteHeader implements [http.ResponseWriter].
func (w response) WriteHeader(status int) {
	w.out.WriteHeader(status)
	switch {
	case w.status != 0:
	case status >= 200 || status == http.StatusSwitchingProtocols:
		w.answer(status)
	default:
		w.before = -1
	}
}

// Write implements [http.ResponseWriter].
func (w response) Write(b []byte) (int, error) {
	w.writing(len(b))
	n, err := w.out.Write(b)
	if w.keepBody {
		w.keepAnswer(b[:n])
	}
	w.count(int64(n), err)
	return n, err
}

// WriteString implements [io.StringWriter].
func (w response) WriteString(s string) (int, error) {
	w.writing(len(s))
	n, err := io.WriteString(w.out, s)
	if w.keepBody {
		w.keepAnswer([]byte(s[:n]))
	}
	w.count(int64(n), err)
	return n, err
}

// EnableFullDuplex is what [http.ResponseController] calls.
func (w response) EnableFullDuplex() error {
	err := http.NewResponseController(w.out).EnableFullDuplex()
	w.duplex = w.duplex || err == nil
	return err
}

// Unwrap lets [http.ResponseController] reach what is not about the answer.
func (w response) Unwrap() http.ResponseWriter { return w.out }

func (p *pending) writing(n int) {
	if p.sent.Load()+int64(n) > heldBack {
		p.readOn()
	}
	if p.status == 0 {
		p.answer(http.StatusOK)
	} else {
		p.watch()
	}
}

// heldBack is how many bytes of an answer net/http keeps before it sends the header.
const heldBack = 2048

// readOn drains the request's body, as net/http does before it sends an answer.
func (p *pending) readOn() {
	if p.body != nil && !p.duplex && p.request.ProtoMajor == 1 {
		p.body.drain()
	}
}

func (p *pending) keepAnswer(b []byte) {
	p.keep(func(k *bodies, limit int) { k.answered.add(b, limit) })
}

func (p *pending) count(n int64, err error) {
	if p.info.Method == http.MethodHead {
		return // nothing is sent
	}
	if !p.lost {
		p.sent.Add(n)
	}
	if err != nil && isLoss(err) {
		p.gone()
	}
}

// isLoss reports whether writing failed because the client is no longer there.
func isLoss(err error) bool {
	for _, mistake := range []error{http.ErrHijacked, http.ErrContentLength, http.ErrBodyNotAllowed, http.ErrHandlerTimeout, errors.ErrUnsupported} {
		if errors.Is(err, mistake) {
			return false
		}
	}
	return !isTimeout(err)
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// flushing is a response that can be flushed.
type flushing struct{ response }

// Flush implements [http.Flusher].
func (w flushing) Flush() { _ = w.FlushError() } // as does net/http

// FlushError is what [http.ResponseController] calls.
func (w flushing) FlushError() error {
	w.readOn()
	err := http.NewResponseController(w.out).Flush()
	if w.status == 0 && (err == nil || isLoss(err)) { // a client may have it, and leave at once
		w.answer(http.StatusOK)
	}
	w.count(0, err)
	return err
}

// response1 is an answer of HTTP/1.
type response1 struct{ flushing }

// Hijack implements [http.Hijacker].
func (w response1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := w.out.(http.Hijacker).Hijack()
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hijacked = true
	}
	return c, rw, err
}

// ReadFrom implements [io.ReaderFrom], so that files are still sent without being
// copied.
func (w response1) ReadFrom(from io.Reader) (int64, error) {
	if w.keepBody {
		return io.Copy(struct{ io.Writer }{w.response}, from)
	}
	if w.status != 0 {
		w.watch()
	}
	n, err := w.out.(io.ReaderFrom).ReadFrom(from)
	if n > 0 && w.status == 0 { // nothing is sent of a reader that is empty
		w.answer(http.StatusOK)
	}
	var network *net.OpError // else the error is that of reading
	if errors.As(err, &network) && network.Op != "read" {
		w.count(n, err)
	} else {
		w.count(n, nil)
	}
	return n, err
}

// response2 is an answer of HTTP/2.
type response2 struct{ flushing }

// Push implements [http.Pusher].
func (w response2) Push(target string, opts *http.PushOptions) error {
	return w.out.(http.Pusher).Push(target, opts)
}
