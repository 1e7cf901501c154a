// Package unread sends answers to requests whose body has not been read.
package unread

import (
	"io"
	"net/http"
)

// maxUnread is how much is read of a body that nobody wanted, in bytes, so that the
// connection can be used again. It is what net/http reads by itself.
const maxUnread = 256 << 10

// Answer sends an answer at once. By itself net/http reads on in the request's body
// first, for which it would wait for a slow client.
//
// What is left of the body is read after it: if net/http came on its end after a
// handler that is full duplex, it would panic with "invalid concurrent Body.Read
// call" and close the connection.
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
		_, _ = io.CopyN(io.Discard, r.Body, maxUnread) // the client has left, or there is no more
	}
}
