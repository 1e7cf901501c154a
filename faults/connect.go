package faults

import (
	"github.com/ocifake/ocifake/internal/effect"
)

// Refuse resets a connection when it is opened.
func Refuse() Effect { return of(effect.Refuse{}) }

// Silence accepts a connection and answers nothing on it, neither a TLS hello nor a
// request.
func Silence() Effect { return of(effect.Silence{}) }

// TLS is an effect on the handshake. It does not act on a connection without TLS.
type TLS struct{ does effect.TLS }

// FailHandshake ends the TLS handshake with an alert.
func FailHandshake() TLS { return TLS{effect.TLS{Fail: true}} }

// ExpiredCertificate presents an expired certificate.
func ExpiredCertificate() TLS { return TLS{effect.TLS{Expired: true}} }

// CertificateFor presents a certificate for this host name only.
func CertificateFor(host string) TLS { return TLS{effect.TLS{Host: host}} }

// Behaviour implements [Effect].
func (e TLS) Behaviour() effect.Behaviour { return e.does }
