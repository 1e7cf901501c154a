package registrytest

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
)

// Network is a network in memory that several registries share, each under a
// host name of its own. Names lead to the same registry on every port, over both
// http and https. A network needs no closing: its connections end with the
// registries that they lead to.
type Network struct {
	network   server.Network
	once      sync.Once
	transport *http.Transport

	mu         sync.Mutex
	registries recorded

	none noTest // stands in for a nil t
}

// NewNetwork returns an empty network, to be filled by [WithNetwork].
func NewNetwork() *Network { return new(Network) }

// Transport returns the transport that reaches every registry on the network
// and trusts their certificates. Hosts that no registry has refuse the
// connection. It speaks HTTP/2 with those that offer it in the TLS handshake.
func (n *Network) Transport() *http.Transport {
	n.once.Do(func() { n.transport = n.network.NewTransport() })
	return n.transport
}

// Assert chooses the requests to all registries on the network that all filters mean,
// for an assertion that fails the test without ending it; see [Registry.Assert]:
//
//	network.Assert(t).CredentialsOnlyTo("hub.example")
//
// Requests and connections are numbered for all registries together, so
// [record.Since] and [record.Conn] are of no use here. A registry that was closed
// counts until another one takes its name.
func (n *Network) Assert(t testing.TB, filters ...record.Filter) *Assertions {
	t = testOr(t, &n.none)
	t.Helper()
	return newAssertions(t, n.all(), "Assert", filters)
}

// Require is [Network.Assert] for assertions that end the test when they fail. It
// belongs into the test's own goroutine.
func (n *Network) Require(t testing.TB, filters ...record.Filter) *Assertions {
	t = testOr(t, &n.none)
	t.Helper()
	a := newAssertions(t, n.all(), "Require", filters)
	a.fatal = true
	return a
}

// join adds a registry, in the place of a former one with its name.
func (n *Network) join(r *Registry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.registries = slices.DeleteFunc(n.registries, func(other *Registry) bool { return other.Host() == r.Host() })
	n.registries = append(n.registries, r)
}

// all returns the registries on the network.
func (n *Network) all() recorded {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.registries)
}
