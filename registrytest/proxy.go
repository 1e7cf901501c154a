package registrytest

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/internal/clientenv"
	"github.com/ocifake/ocifake/internal/memnet"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/server"
)

// CertPool returns a new pool with the certificate of the authority that signs the certificates of
// all registries on the network.
func (n *Network) CertPool() *x509.CertPool { return n.network.Authority().CertPool() }

// Proxy starts a forward proxy on a loopback port and returns its URL, for clients that are not
// given a transport:
//
//	transport := &http.Transport{
//		Proxy:           http.ProxyURL(network.Proxy(t)),
//		TLSClientConfig: &tls.Config{RootCAs: network.CertPool()},
//	}
//
// The proxy leads http and https requests for the names on the network to their registries, over
// HTTP/1.1 or HTTP/2, on every port. It refuses all other hosts with 403, and connects to none.
// Faults act on the connections to it as on those to a registry; rules for connections that open act
// in the tunnels of https only. Credentials for the proxy are not recorded.
//
// When the test ends, the proxy and all connections through it are closed, and the hosts that it
// refused are logged. The test fails in a bubble of [testing/synctest], which has no ports: use
// [Network.Transport].
func (n *Network) Proxy(t testing.TB) *url.URL {
	must.NotNil("registrytest: Network.Proxy: t", t)
	t.Helper()
	if memnet.InBubble() {
		t.Fatal("registrytest: Network.Proxy: a bubble of testing/synctest has no ports: use Network.Transport")
	}
	log := newTestLog(t)
	s, err := server.Start(server.Config{
		Registry: http.HandlerFunc(notRegistry),
		Proxy:    &server.Proxy{Hosts: &n.network},
		Log:      log.logger(),
	})
	if err != nil {
		t.Fatalf("registrytest: start the proxy of a network: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		err := s.Close()
		log.end()
		if err != nil {
			t.Errorf("registrytest: close the proxy of a network: %v", err)
		}
		if refused := refusedHosts(s.Asked()); refused != "" {
			t.Log("registrytest: the proxy refused hosts that are not on the network: " + refused)
		}
	})
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatalf("registrytest: %v", err)
	}
	return at
}

func notRegistry(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "This is a forward proxy: ask it for the registries by their names.", http.StatusBadRequest)
}

// refusedHosts lists hosts with the number of requests for each.
func refusedHosts(all []server.Asked) string {
	var list []string
	for _, a := range all {
		list = append(list, fmt.Sprintf("%s (%d)", a.Host, a.Count))
	}
	return strings.Join(list, ", ")
}

// Environ returns the environment for a command that reaches the registries on the network by their
// names, through a [Network.Proxy]:
//
//	cmd := exec.Command("./build.sh") // pulls ghcr.io/org/app:v1
//	cmd.Env = network.Environ(t)
//
// It is that of the test, in which HTTP_PROXY, HTTPS_PROXY and NO_PROXY are set, and the variables
// that make Go, curl, Python, Node.js, Java, git and cargo trust the authority of the network besides
// those of the system. Their files are in a temporary directory of the test.
func (n *Network) Environ(t testing.TB) []string {
	must.NotNil("registrytest: Network.Environ: t", t)
	t.Helper()
	vars := clientenv.Proxy(n.Proxy(t), os.LookupEnv)
	trust, err := clientenv.Trust(t.TempDir(), n.network.Authority().CertPEM(), vars.Lookup(os.LookupEnv))
	if err != nil {
		t.Fatalf("registrytest: write the certificates of a network: %v", err)
	}
	return append(vars, trust...).Set(os.Environ())
}
