package effect

import (
	"bytes"
	"net/http"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

// maxHeld is the maximum size of a body that is held until it is complete.
const maxHeld = jsonedit.MaxSize

// held is a ResponseWriter that holds an answer until its body is complete. It passes on an answer
// that has no body, a part of one, or a body that is too large.
type held struct {
	http.ResponseWriter
	status int // 0: the answer has not begun
	body   bytes.Buffer
	sent   bool // the header is sent, and the rest is passed on
}

// WriteHeader implements [http.ResponseWriter].
func (w *held) WriteHeader(status int) {
	switch {
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.ResponseWriter.WriteHeader(status)
		return
	case w.status != 0:
		return
	}
	w.status = status
	length, known := contentLength(w.Header())
	if status < 200 || bodyless(status) || status == http.StatusPartialContent || known && length > maxHeld {
		w.release()
	}
}

// Write implements [http.ResponseWriter].
func (w *held) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK) // unless it was called
	if !w.sent && w.body.Len()+len(p) > maxHeld {
		w.release()
	}
	if w.sent {
		return w.ResponseWriter.Write(p)
	}
	return w.body.Write(p)
}

// FlushError is what [http.ResponseController] calls. It does not flush what is held.
func (w *held) FlushError() error {
	w.WriteHeader(http.StatusOK)
	if !w.sent {
		return nil
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] reach what is not about the answer.
func (w *held) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve lets next answer, and sends what edit makes of a body that was held to its end.
func (w *held) serve(r *http.Request, next http.Handler, edit func(body []byte) []byte) {
	complete := false
	defer func() {
		if !complete && w.status != 0 && !w.sent { // the handler panics behind a part of the body
			w.release()
			_ = http.NewResponseController(w.ResponseWriter).Flush() // what cannot flush has sent it
		}
	}()
	next.ServeHTTP(w, r)
	complete = true
	w.WriteHeader(http.StatusOK) // unless it was called
	if !w.sent {
		w.body = *bytes.NewBuffer(edit(w.body.Bytes()))
		w.release()
	}
}

// release sends what is held, and has the rest passed on.
func (w *held) release() {
	w.sent = true
	w.ResponseWriter.WriteHeader(w.status)
	if w.body.Len() > 0 {
		_, _ = w.ResponseWriter.Write(w.body.Bytes()) // the client has left
	}
	w.body = bytes.Buffer{}
}
