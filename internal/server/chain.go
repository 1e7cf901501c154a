package server

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/op"
)

// chain is the way of a request, from the inside out: whoever comes later here
// sees the request earlier, and the answer as the client gets it.
func (s *Server) chain(registry http.Handler, access auth.Auth, control http.Handler) http.Handler {
	handler := registry
	if handler == nil { // a server for its connections alone
		handler = http.NotFoundHandler()
	}
	handler = s.config.Faults.AfterAuth(handler)
	if access != nil {
		handler = auth.Handler(access, handler)
	}
	handler = s.config.Faults.BeforeAuth(handler)
	handler = s.config.Recorder.Wrap(handler)
	if s.config.FaultNames {
		handler = s.config.Faults.ByName(faultnames.New(), handler)
	}
	if control != nil {
		handler = besides(control, handler)
	}
	return handler
}

// besides serves what is below ControlPath with control, and a browser that is at /;
// the rest with handler.
func besides(control, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, ControlPath); ok && (rest == "" || rest[0] == '/') || isBrowserAtRoot(r) {
			control.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// isBrowserAtRoot reports whether a request is one for / that prefers a page to be
// looked at. No client of a registry makes it.
func isBrowserAtRoot(r *http.Request) bool {
	return r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.HasPrefix(r.Header.Get("Accept"), "text/html,")
}

// externalChain is the way of a request to the second origin.
func (s *Server) externalChain() http.Handler {
	handler := http.NotFoundHandler() // nobody is sent there
	if s.config.Faults != nil {
		handler = s.config.Faults.External()
	}
	handler = s.chain(handler, nil, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(op.WithExternal(r.Context())))
	})
}

// admit lets in the requests of the server's own connections while it is not
// closing, tells them of the TLS that net/http does not see, and the origins
// apart.
func (s *Server) admit(main, external http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler)
		}
		defer s.running.Done()
		c := ConnOf(r.Context())
		c.requests.Add(1)
		r.TLS = c.TLS()
		if c.from.external {
			external.ServeHTTP(w, r)
			return
		}
		main.ServeHTTP(w, r)
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
