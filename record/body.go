package record

import (
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// keepsRequest tells whether the body of a request is kept.
func keepsRequest(o op.Op) bool { return o == op.ManifestPut || o == op.Token }

// keepsAnswer tells whether the body of an answer is kept.
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

// requestBody lets the body of a request pass and notes its length. Nothing is
// read but when the handler reads: that is when a client which expects
// "100 Continue" is told to send.
type requestBody struct{ *pending }

// Read implements [io.Reader].
func (b requestBody) Read(p []byte) (int, error) {
	if !b.reading {
		b.reading = true
		b.keepRequest = keepsRequest(b.info.Op)
	}
	n, err := b.body.Read(p)
	b.received.Add(int64(n))
	if b.keepRequest && n > 0 {
		b.keep(func(k *bodies, limit int) { k.asked.add(p[:n], limit) })
	}
	if err != nil && err != io.EOF {
		b.failed(err)
	}
	return n, err
}

// Close implements [io.Closer].
func (b requestBody) Close() error { return b.body.Close() }

// failed notes whether reading failed because the client is no longer there,
// rather than for what it sent.
func (b requestBody) failed(err error) {
	var network net.Error
	switch {
	case isTimeout(err):
		b.expired.Store(true)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), b.request.Context().Err() != nil:
		b.gone()
	}
}
