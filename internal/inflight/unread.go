package inflight

import (
	"io"
	"net/http"
)

// Answer sends a response to a request with an unread body at once. Without it, net/http first reads the rest of the request body,
// and waits for a slow client.
//
// Answer closes the body after the response: net/http then reads a small rest. If net/http did so
// after a full-duplex handler had returned, it would panic with "invalid concurrent Body.Read call"
// and close the connection. If a middleware does not forward Close, Answer reads the rest itself.
func Answer(w http.ResponseWriter, r *http.Request, send func()) {
	if r.ProtoMajor != 1 || r.Body == nil || r.ContentLength == 0 {
		send()
		return
	}
	control := http.NewResponseController(w)
	if control.EnableFullDuplex() != nil {
		send() // same as net/http
		return
	}
	send()
	flushed := control.Flush() == nil // now, for a client that is still sending
	if r.Header.Get("Expect") != "" {
		return // closing the body would wait for a client that has not been asked to send it
	}
	if flushed {
		_ = r.Body.Close()                 // fails if the client has disconnected
		_, _ = io.Copy(io.Discard, r.Body) // reads nothing if the body is closed
	}
}
