package effect

import (
	"net/http"
)

// rewriter is a ResponseWriter that can change the answer on its way. Effects
// never write into what they are given: it may be stored bytes.
type rewriter struct {
	http.ResponseWriter
	header func(status int) int              // may change the header, and returns the status; nil: as it is
	body   func(p []byte) (n int, err error) // writes to the ResponseWriter; nil: as it is
	begun  bool

	unsized bool // the header is sent at once, so that net/http cannot count a short body
}

// WriteHeader implements [http.ResponseWriter].
func (w *rewriter) WriteHeader(status int) {
	final := status >= 200 || status == http.StatusSwitchingProtocols
	if final && !w.begun {
		w.begun = true
		if w.header != nil {
			status = w.header(status)
		}
	}
	w.ResponseWriter.WriteHeader(status)
	if final && w.unsized {
		w.flush()
	}
}

// Write implements [http.ResponseWriter].
func (w *rewriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.body == nil {
		return w.ResponseWriter.Write(p)
	}
	return w.body(p)
}

// Unwrap lets [http.ResponseController] reach what is not about the answer.
func (w *rewriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish sends the header of an answer that has no body.
func (w *rewriter) finish() {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
}

// flush sends what was written until now. What cannot flush has sent it.
func (w *rewriter) flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// serve lets next answer through the writer.
func (w *rewriter) serve(r *http.Request, next http.Handler) {
	next.ServeHTTP(w, r)
	w.finish()
}

// Nowhere is a ResponseWriter that discards the answer.
type Nowhere struct{ header http.Header }

// Header implements [http.ResponseWriter].
func (w *Nowhere) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// WriteHeader implements [http.ResponseWriter].
func (w *Nowhere) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (w *Nowhere) Write(p []byte) (int, error) { return len(p), nil }
