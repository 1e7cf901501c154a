package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// answer is a response that notes its status and length on its way.
type answer struct {
	http.ResponseWriter
	code  int
	bytes int64
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(code int) {
	if a.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// ReadFrom implements [io.ReaderFrom], so that files are still sent without
// being copied.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(a.ResponseWriter, r)
	a.bytes += n
	return n, err
}

// Flush implements [http.Flusher].
func (a *answer) Flush() { a.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (a *answer) FlushError() error { return http.NewResponseController(a.ResponseWriter).Flush() }

// Hijack implements [http.Hijacker].
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// Unwrap lets [http.ResponseController] do the rest.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
