package upstream

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/ocifake/ocifake/internal/httpfield"
)

// services are the token services that the registry has named in its challenges, by their paths.
// Clients that use the registry under its own name know these paths, and request tokens without a
// challenge: all names of a registry lead here, that of its token service too.
type services struct {
	learning shared

	mu     sync.Mutex // guards the fields below
	byPath map[string]url.URL
	asked  bool // the registry was asked for a challenge
}

// maxServices is the maximum number of services that are known.
const maxServices = 16

func newServices() *services { return &services{byPath: map[string]url.URL{}} }

// add notes a realm. The first at a path stays.
func (s *services) add(at *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byPath[at.Path]; !ok && len(s.byPath) < maxServices {
		s.byPath[at.Path] = *at
	}
}

// at returns the service at a path, and reports whether nothing more can be learned.
func (s *services) at(path string) (service *url.URL, asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.byPath[path]; ok {
		return &at, true
	}
	return nil, s.asked
}

// service returns the token service that a request is for, or nil. If the registry has named none, it
// is asked once.
func (u *Upstream) service(r *http.Request) *url.URL {
	path := r.URL.Path
	if !u.options.TokenPaths || u.options.Credentials != nil || path == "/v2" || strings.HasPrefix(path, "/v2/") || strings.HasPrefix(path, handlePath) || !isPlain(r.URL) {
		return nil
	}
	known := func() bool {
		service, asked := u.services.at(path)
		return service != nil || asked
	}
	if u.services.learning.do(r.Context(), known, func() error { return u.askForService(r.Context()) }) != nil {
		return nil // the client asks again
	}
	service, _ := u.services.at(path)
	return service
}

// askForService asks the registry for a challenge, without credentials.
func (u *Upstream) askForService(ctx context.Context) error {
	return askForChallenge(ctx, u.network, u.base, func(asked *url.URL, c *httpfield.Challenge) {
		if c != nil && strings.EqualFold(c.Scheme, "Bearer") {
			if at, err := resolved(c.Parameters["realm"], asked); err == nil {
				u.services.add(at)
			}
		}
		u.services.mu.Lock()
		defer u.services.mu.Unlock()
		u.services.asked = true
	})
}
