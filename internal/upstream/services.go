package upstream

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
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
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	ping, err := http.NewRequestWithContext(ctx, http.MethodGet, u.base.String()+"/v2/", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := u.network.RoundTrip(ping)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxDrained) // its end, or an error, is the same here
	if c := challengeOf(answer.Header); c != nil && answer.StatusCode == http.StatusUnauthorized {
		if at, err := resolved(c.Parameters["realm"], ping.URL); err == nil && strings.EqualFold(c.Scheme, "Bearer") {
			u.services.add(at)
		}
	}
	u.services.mu.Lock()
	u.services.asked = true
	u.services.mu.Unlock()
	return answer.Body.Close()
}
