package registrytest

import (
	"crypto/x509"
	"net/http"
	"sync"

	"github.com/ocifake/ocifake/internal/server"
)

// Network is a network in memory that several registries share, each under a
// host name of its own. Names lead to the same registry on every port, over both
// http and https. A network needs no closing: its connections end with the
// registries that they lead to.
type Network struct {
	network   server.Network
	once      sync.Once
	transport *http.Transport
}

// NewNetwork returns an empty network, to be filled by [OnNetwork].
func NewNetwork() *Network { return new(Network) }

// Transport returns the transport that reaches every registry on the network
// and trusts their certificates. Hosts that no registry has refuse the
// connection. It speaks HTTP/2 with those that offer it in the TLS handshake.
func (n *Network) Transport() *http.Transport {
	n.once.Do(func() { n.transport = n.network.NewTransport() })
	return n.transport
}

// CertPool returns a new pool with the certificate of the authority that
// certifies the registries on the network.
func (n *Network) CertPool() *x509.CertPool { return n.network.Authority().CertPool() }
