// Package unread sends answers to requests whose body has not been read.
package unread

import (
	"io"
	"net/http"
)

// Answer sends an answer at once. By itself net/http reads on in the request's body
// first, for which it would wait for a slow client.
//
// The body is closed after it, for which net/http reads what is left if that is
// little. If it did so after a handler that is full duplex had returned, it would
// panic with "invalid concurrent Body.Read call" and close the connection. Where a
// middleware keeps Close from getting through, all that is left is read for that.
func Answer(w http.ResponseWriter, r *http.Request, send func()) {
	if r.ProtoMajor != 1 || r.Body == nil || r.ContentLength == 0 {
		send()
		return
	}
	control := http.NewResponseController(w)
	if control.EnableFullDuplex() != nil {
		send() // no worse than net/http
		return
	}
	send()
	if r.Header.Get("Expect") != "" {
		return // the client does not send the body any more, and net/http closes
	}
	if control.Flush() == nil {
		_ = r.Body.Close()                 // the client has left
		_, _ = io.Copy(io.Discard, r.Body) // nothing, if it was closed
	}
}
