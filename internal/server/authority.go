package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// maxCertificates is the number of certificates that an authority caches.
const maxCertificates = 256

// Certificates are valid from the epoch, because the clock of a synctest bubble starts in the year
// 2000, to a date far in the future.
var (
	notBefore = time.Unix(0, 0).UTC()
	notAfter  = time.Date(2084, time.January, 1, 0, 0, 0, 0, time.UTC)
	expired   = notBefore.AddDate(0, 0, 1) // notAfter of expired certificates
)

// Authority is a certificate authority. It issues a certificate for any name that a client
// requests. Its keys are generated on first use. The zero value is ready to use, and safe for
// concurrent use.
type Authority struct {
	hosts []string // in every certificate, besides the requested name

	mu           sync.Mutex
	lazy         []*x509.CertPool  // root is added to them once it exists
	root         *x509.Certificate // nil until first used
	rootKey, key *ecdsa.PrivateKey // key is shared by all certificates
	certificates map[string]*tls.Certificate
}

// CertPool returns a new pool with the authority's certificate.
func (a *Authority) CertPool() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.makeRoot()
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// CertPEM returns the authority's certificate in PEM form.
func (a *Authority) CertPEM() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.makeRoot()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// lazyPool returns a pool that is empty until the authority issues its first certificate.
func (a *Authority) lazyPool() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	pool := x509.NewCertPool()
	if a.root != nil {
		pool.AddCert(a.root)
	} else {
		a.lazy = append(a.lazy, pool)
	}
	return pool
}

// makeRoot generates the keys and the certificate of the authority on the first call.
func (a *Authority) makeRoot() {
	if a.root != nil {
		return
	}
	a.rootKey, a.key = newKey(), newKey()
	template := template("ocifake authority")
	template.IsCA = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	root, err := x509.ParseCertificate(sign(template, template, a.rootKey, a.rootKey))
	if err != nil {
		panic(fmt.Errorf("server: cannot read own certificate: %w", err))
	}
	a.root = root
	for _, pool := range a.lazy {
		pool.AddCert(root)
	}
	a.lazy = nil
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("server: cannot generate a key: %w", err))
	}
	return key
}

// sign returns a certificate in DER form. It panics on failure; the names in the template must be
// certifiable.
func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		panic(fmt.Errorf("server: cannot make a certificate for %v: %w", template.DNSNames, err))
	}
	return der
}

// certificate implements the GetCertificate function of [tls.Config].
func (a *Authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := nameFor(hello)
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.certificates[name]; c != nil {
		return c, nil
	}
	c := a.certify(a.hostsFor(name), notAfter)
	if a.certificates == nil || len(a.certificates) == maxCertificates {
		a.certificates = map[string]*tls.Certificate{}
	}
	a.certificates[name] = c
	return c, nil
}

// nameFor returns the name that the client requests, by default the local address, or localhost if
// a certificate cannot contain it.
func nameFor(hello *tls.ClientHelloInfo) string {
	name := strings.ToLower(hello.ServerName)
	if name == "" {
		name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
	}
	if !certifiable(name) {
		name = "localhost"
	}
	return name
}

// hostsFor returns the hosts of the certificate for a name.
func (a *Authority) hostsFor(name string) []string {
	hosts := append([]string{name, "127.0.0.1", "::1", "localhost"}, a.hosts...)
	sort.Strings(hosts)
	return slices.Compact(hosts)
}

// issue returns a new certificate. The hosts must be certifiable.
func (a *Authority) issue(hosts []string, until time.Time) *tls.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.certify(hosts, until)
}

func (a *Authority) certify(hosts []string, until time.Time) *tls.Certificate {
	a.makeRoot()
	template := template("ocifake")
	template.NotAfter = until
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der := sign(template, a.root, a.key, a.rootKey)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

func template(commonName string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes([]byte(rand.Text()[:16])),
		Subject:               pkix.Name{CommonName: commonName, Organization: []string{"ocifake"}},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
	}
}

// certifiable reports whether a certificate can contain the name: an IP address, or a host name of
// letters, digits, hyphens and underscores.
func certifiable(name string) bool {
	if net.ParseIP(name) != nil {
		return true
	}
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
