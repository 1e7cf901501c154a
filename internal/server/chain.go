package server

import (
	"log/slog"
	"net/http"
	"strings"
)

// chain is the way of a request, from the outside in. Whoever sees a request
// earlier also sees the answer as the client gets it.
func (s *Server) chain(registry http.Handler) http.Handler {
	handler := registry
	handler = s.config.Recorder.Wrap(handler)
	return handler
}

// admit lets in the requests of the server's own connections while it is not
// closing, and tells them of the TLS that net/http does not see.
func (s *Server) admit(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler)
		}
		defer s.running.Done()
		c := ConnOf(r.Context())
		c.requests.Add(1)
		r.TLS = c.TLS()
		handler.ServeHTTP(w, r)
	})
}

// errorLog takes what net/http has to say of its connections: mostly what
// clients did to them. A panic of a handler is another matter.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	if strings.Contains(text, "panic serving") {
		l.log.Error(text)
	} else {
		l.log.Debug(text)
	}
	return len(line), nil
}
