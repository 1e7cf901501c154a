package server

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ClientCerts is the policy for client certificates. Its text form is "none", "optional" or
// "required".
type ClientCerts uint8

// Policies for client certificates. A certificate that a client presents is always verified.
const (
	NoClientCerts       ClientCerts = iota // no certificate is requested
	OptionalClientCerts                    // a certificate is requested
	RequireClientCerts                     // the handshake fails without a certificate
)

var clientCertTexts = [...]string{"none", "optional", "required"}

// tlsAuth maps ClientCerts to crypto/tls.
var tlsAuth = [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert}

// String returns the text form.
func (c ClientCerts) String() string {
	if int(c) >= len(clientCertTexts) {
		return fmt.Sprintf("ClientCerts(%d)", uint8(c))
	}
	return clientCertTexts[c]
}

// MarshalText implements [encoding.TextMarshaler].
func (c ClientCerts) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *ClientCerts) UnmarshalText(text []byte) error {
	for i, known := range clientCertTexts {
		if string(text) == known {
			*c = ClientCerts(i)
			return nil
		}
	}
	return fmt.Errorf("server: client certificates %q: want none, optional or required", text)
}

// ClientCertificate returns a client certificate with the common name, signed by the authority.
func (a *Authority) ClientCertificate(name string) tls.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.makeRoot()
	key := newKey()
	template := template(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return tls.Certificate{Certificate: [][]byte{sign(template, a.root, key, a.rootKey)}, PrivateKey: key}
}

// EncodeCertificate returns the certificate and its key in PEM form. The certificate must come from
// an [Authority].
func EncodeCertificate(c tls.Certificate) (certificate, key []byte, err error) {
	private, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("server: encode certificate: the private key is not an *ecdsa.PrivateKey: use a certificate of an Authority")
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// verifyClients applies the policy for client certificates to config.
func (s *Server) verifyClients(config *tls.Config, certs ClientCerts) {
	if certs == NoClientCerts {
		return
	}
	config.ClientAuth = tlsAuth[certs]
	config.ClientCAs = s.config.ClientCAs
	if config.ClientCAs == nil {
		config.ClientCAs = s.authority.CertPool()
	}
}
