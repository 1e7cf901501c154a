package faults

import (
	"github.com/ocifake/ocifake/internal/effect"
)

// Refuse resets a connection when it is opened.
func Refuse() Effect { return of(effect.Refuse{}) }

// Silence accepts a connection and answers nothing on it, neither a TLS hello nor a
// request.
func Silence() Effect { return of(effect.Silence{}) }

// FailHandshake ends the TLS handshake with an alert. It does not act on a connection without TLS.
func FailHandshake() Effect { return of(effect.TLS{Fail: true}) }

// ExpiredCertificate presents an expired certificate. It does not act on a connection without TLS.
func ExpiredCertificate() Effect { return of(effect.TLS{Expired: true}) }

// CertificateFor presents a certificate for this host name only. It does not act on a connection
// without TLS.
func CertificateFor(host string) Effect { return of(effect.TLS{Host: host}) }
