package e2e

import (
	"context"
	"slices"
	"testing"

	"github.com/ocifake/ocifake/registrytest"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// client is a client under test: how it does what the steps ask of it. A
// function is nil if the client cannot do that; the steps that need it then
// stand in cannot, with the reason.
//
// A reference is HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.
type client struct {
	name    string
	content func(t *testing.T, tag string) content // what it pushes; nil: an image
	indexes bool                                   // pushes an index
	sha512  bool                                   // knows digests other than SHA-256

	push        func(s *session, c content, ref string) error
	pushChunked func(s *session, c content, ref string) error // in chunks of chunkSize
	chunks      int                                           // the chunks of a layer of layerSize, at least
	pull        func(s *session, ref, dir string) error       // into an image layout
	resolve     func(s *session, ref string) (digest.Digest, error)
	tag         func(s *session, ref, tag string) error
	tags        func(s *session, repo string) ([]string, error)
	copy        func(s *session, from, to string) error // a repository to another, with mounts
	delete      func(s *session, ref string) error      // by digest
	attach      func(s *session, subject, artifactType string) error
	referrers   func(s *session, subject, artifactType string) ([]digest.Digest, error)
	catalog     func(s *session) ([]string, error)

	cannot map[string]string
}

// session is a client at work on a registry.
type session struct {
	*target
	t   *testing.T
	ctx context.Context // of the client's requests; nil: that of t

	login *registrytest.Credentials // nil: the registry asks for none; without a user: anonymous
	home  string                    // directory with what the client knows of logins; empty: it knows of none

	inTurn bool // one request at a time, of clients that wait for others with a mutex held
}

func (s *session) context() context.Context {
	if s.ctx != nil {
		return s.ctx
	}
	return s.t.Context()
}

func (c client) newContent(t *testing.T, tag string) content {
	t.Helper()
	if c.content != nil {
		return c.content(t, tag)
	}
	return newImage(t, tag)
}

// place is where a registry runs. Libraries, which can be given a transport, go
// everywhere but to the binary, commands to the binary only.
type place struct {
	name  string
	start func(*testing.T) *target
	steps []string // only these; nil: all
}

var (
	libraryPlaces = []place{
		{name: "memory", start: inProcess(registrytest.WithInMemory(), paged)},
		{name: "memory HTTP/2", start: inProcess(registrytest.WithInMemory(), registrytest.WithHTTP2(), paged)},
		{name: "loopback", start: inProcess(paged)},
		{name: "loopback TLS", start: inProcess(registrytest.WithTLS())},
	}
	commandPlaces = []place{
		{name: "serve", start: served},
		{name: "serve TLS", start: servedTLS, steps: []string{"push", "pull", "tags", "copy"}},
	}
)

// TestClients takes every client through every step.
func TestClients(t *testing.T) {
	for _, group := range []struct {
		places  []place
		clients []client
	}{
		{libraryPlaces, []client{goContainerregistry, orasGo, regclientGo, containerd, helmGo}},
		{commandPlaces, []client{crane, oras, regctl, helm}},
	} {
		for _, c := range group.clients {
			for _, p := range group.places {
				t.Run(c.name+"/"+p.name, func(t *testing.T) {
					t.Parallel()
					walkThrough(t, c, p)
				})
			}
		}
	}
}

func walkThrough(t *testing.T, c client, p place) {
	for name := range c.cannot {
		require.True(t, slices.ContainsFunc(steps, func(s step) bool { return s.name == name }), "no step is called %q", name)
	}
	r := p.start(t)
	for _, step := range steps {
		if p.steps != nil && !slices.Contains(p.steps, step.name) {
			continue
		}
		t.Run(step.name, func(t *testing.T) {
			reason, cannot := c.cannot[step.name]
			require.Equal(t, cannot, !step.can(c), "either a client can do a step or there is a reason why not")
			if cannot {
				t.Skip(reason)
			}
			step.run(t, c, &session{target: r, t: t})
		})
	}
}
