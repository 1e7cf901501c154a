package registrytest

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
)

// Network is a network in memory that several registries share, each under its own host name.
// A name leads to the same registry on every port, over both http and https. Clients reach them by
// [Network.Transport], or, from outside of the test's process too, through [Network.Proxy]. A network
// need not be closed: its connections end with their registries.
type Network struct {
	network   server.Network
	once      sync.Once
	transport *http.Transport

	mu         sync.Mutex
	registries recorded
	redactor   redact.Redactor // of all recorders, so that they agree

	none noTest // stands in for a nil t
}

// NewNetwork returns an empty network. [WithNetwork] adds registries to it.
func NewNetwork() *Network { return new(Network) }

// Transport returns the transport that reaches every registry on the network and trusts their
// certificates. Connections to other hosts are refused. It uses HTTP/2 with registries that
// offer it in the TLS handshake.
func (n *Network) Transport() *http.Transport {
	n.once.Do(func() { n.transport = n.network.NewTransport() })
	return n.transport
}

// Assert selects the requests to all registries on the network that match all filters, for an
// assertion that fails the test without ending it; see [Registry.Assert]:
//
//	network.Assert(t).CredentialsOnlyTo("hub.example")
//
// Requests and connections of all registries are numbered together, so that [record.Since]
// and [record.Conn] do not work here. A closed registry counts until another one takes its
// name.
func (n *Network) Assert(t testing.TB, filters ...record.Filter) *Assertions {
	t = testOr(t, &n.none)
	t.Helper()
	return newAssertions(t, n.all(), "Assert", filters)
}

// Require is like [Network.Assert] for assertions that end the test when they fail. It must be
// called from the goroutine of the test.
func (n *Network) Require(t testing.TB, filters ...record.Filter) *Assertions {
	t = testOr(t, &n.none)
	t.Helper()
	a := newAssertions(t, n.all(), "Require", filters)
	a.fatal = true
	return a
}

// Registry returns the registry with a host name, for its content, rules and options. The name can
// also be one of the real registry of its profile. If there is none, the test fails and ends.
func (n *Network) Registry(t testing.TB, host string) *Registry {
	t = testOr(t, &n.none)
	t.Helper()
	all := n.all()
	for _, has := range []func(*Registry) bool{
		func(r *Registry) bool { return r.Host() == host },
		func(r *Registry) bool { return r.profile != nil && pattern.Matcher(r.profile.Hosts)(host) },
	} {
		if i := slices.IndexFunc(all, has); i >= 0 {
			if all[i].replay != nil {
				if err := all[i].replay.Fill(); err != nil {
					t.Fatalf("registrytest: %v", err)
				}
			}
			return all[i]
		}
	}
	t.Fatalf("registrytest: no registry on the network has the host %q", host)
	return nil
}

// join adds a registry, in the place of a former one with its name.
func (n *Network) join(r *Registry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.registries = slices.DeleteFunc(n.registries, func(other *Registry) bool { return other.Host() == r.Host() })
	n.registries = append(n.registries, r)
}

// secrets returns the redactor of the recorders on the network.
func (n *Network) secrets() redact.Redactor {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.redactor.HasKey() {
		n.redactor = redact.New()
	}
	return n.redactor
}

// all returns the registries on the network.
func (n *Network) all() recorded {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.registries)
}
