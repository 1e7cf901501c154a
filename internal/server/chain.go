package server

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// Backend is what answers the requests of a server. See the fields of [Config].
type Backend struct {
	Registry      http.Handler
	Authenticator auth.Authenticator
	Rules         []faults.Rule
}

// chains are the handlers for one backend.
type chains struct{ main, external http.Handler }

// Use replaces the backend for requests that begin afterwards. It returns an error, and changes
// nothing, if a rule of the backend cannot act on this server, or a rule of Faults could no longer
// act.
func (s *Server) Use(b Backend) error {
	s.using.Lock()
	defer s.using.Unlock()
	site := s.site(b)
	var quirks *engine.Engine
	if len(b.Rules) > 0 {
		if s.config.Faults == nil {
			return errors.New("server: the rules of a profile need an engine of faults")
		}
		var err error
		if quirks, err = s.config.Faults.Quirks(site, b.Rules...); err != nil {
			return err
		}
	}
	if err := s.config.Faults.Bind(site); err != nil {
		return err
	}
	s.backend.Store(&chains{main: s.chain(b, quirks, s.config.Control), external: s.externalChain(b, quirks)})
	return nil
}

// chain composes the handlers of a request from the inside out: a handler that is added later sees
// the request earlier and the response later.
func (s *Server) chain(b Backend, quirks *engine.Engine, control http.Handler) http.Handler {
	handler := s.config.Faults.AfterAuth(quirks.AfterAuth(b.Registry))
	if b.Authenticator != nil {
		handler = auth.Handler(b.Authenticator, handler)
	}
	handler = s.config.Faults.BeforeAuth(quirks.BeforeAuth(handler))
	if registry, ok := b.Registry.(interface {
		Speak(http.Handler) http.Handler
	}); ok {
		handler = registry.Speak(handler)
	}
	handler = s.config.Recorder.Wrap(handler)
	if s.config.FaultNames {
		handler = s.config.Faults.ByName(faultnames.New(), handler)
	}
	if registry, ok := b.Registry.(interface {
		Address(http.Handler) http.Handler
	}); ok {
		handler = registry.Address(handler)
	}
	if tokens, ok := b.Authenticator.(interface{ TokenPath() string }); ok && tokens.TokenPath() != op.TokenPath {
		handler = tokensAt(tokens.TokenPath(), handler)
	}
	if control != nil {
		handler = besides(control, handler)
	}
	return handler
}

// tokensAt makes the requests for a path those for tokens, in place of those for [op.TokenPath].
func tokensAt(path string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case path:
			r, _ = inflight.BeginWith(r, func(info *op.Info) {
				info.Op, info.Allow = op.Token, nil
				if methods := op.Token.Methods(); !slices.Contains(methods, r.Method) {
					info.Op, info.Allow = op.Unknown, methods
				}
			})
		case op.TokenPath:
			r, _ = inflight.BeginWith(r, func(info *op.Info) { info.Op, info.Allow = op.Unknown, nil })
		}
		handler.ServeHTTP(w, r)
	})
}

// besides serves the requests below ControlPath, and those of a browser for /, with control, and
// all others with handler.
func besides(control, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, ControlPath); ok && (rest == "" || rest[0] == '/') || isBrowserAtRoot(r) {
			control.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// isBrowserAtRoot reports whether the request is for / and prefers HTML. Registry clients do not
// send such requests.
func isBrowserAtRoot(r *http.Request) bool {
	return r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.HasPrefix(r.Header.Get("Accept"), "text/html,")
}

// externalChain composes the handlers of a request to the second origin.
func (s *Server) externalChain(b Backend, quirks *engine.Engine) http.Handler {
	handler := http.NotFoundHandler() // no fault redirects to it
	if s.config.Faults != nil {
		handler = s.config.Faults.External(b.Registry)
	}
	handler = s.chain(Backend{Registry: handler}, quirks, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(inflight.WithExternal(r.Context())))
	})
}

// admit accepts requests on the server's own connections until the server closes, sets their TLS
// state, which net/http does not see, and dispatches them by origin.
func (s *Server) admit() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler)
		}
		defer s.running.Done()
		c := ConnOf(r.Context())
		c.requests.Add(1)
		r.TLS = c.TLS()
		if s.proxy != nil && !c.from.external {
			if r = s.proxy.admit(w, r, c); r == nil {
				return
			}
		}
		if c.misleads(r) {
			s.config.Recorder.Wrap(http.HandlerFunc(misdirected)).ServeHTTP(w, r)
			return
		}
		s.dispatch(w, r, c.from.external)
	})
}

// dispatch serves a request to the registry or to the second origin.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, external bool) {
	now := s.backend.Load()
	if external {
		now.external.ServeHTTP(w, r)
		return
	}
	now.main.ServeHTTP(w, r)
}

// errorLog receives the error log of net/http. It logs errors of connections, most of which clients
// cause, at level Debug, and panics of handlers at level Error.
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
