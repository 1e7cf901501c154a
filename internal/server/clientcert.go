package server

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ClientCerts says whether clients show certificates. In text it is "none",
// "optional" or "required".
type ClientCerts uint8

// What clients may or must do. A certificate that is shown must be verifiable.
const (
	NoClientCerts       ClientCerts = iota // they are not asked
	OptionalClientCerts                    // they are asked
	RequireClientCerts                     // the handshake fails without one
)

var clientCertTexts = [...]string{"none", "optional", "required"}

// tlsAuth are the same in terms of crypto/tls.
var tlsAuth = [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert}

// String returns the text.
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

// ClientCertificate returns a certificate for a client with that common name, of
// the authority that certifies the server.
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

// EncodeCertificate returns a certificate that an authority made, and its key, in
// PEM form.
func EncodeCertificate(c tls.Certificate) (certificate, key []byte, err error) {
	private, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("server: the key is not one of an authority's")
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// verifyClients adds what is asked of clients to the settings of handshakes.
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
