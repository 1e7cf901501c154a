package faults

import (
	"cmp"
	"errors"
)

// Refuse resets a connection when it is opened.
func Refuse() Effect { return refuse{} }

type refuse struct{}

func (refuse) kind() string    { return "refuse" }
func (refuse) open(o *Opening) { o.Reset = true }

// Silence accepts a connection and answers nothing on it, neither a TLS hello nor a
// request.
func Silence() Effect { return silence{} }

type silence struct{}

func (silence) kind() string    { return "silence" }
func (silence) open(o *Opening) { o.Silent = true }

// TLS is an effect on the handshake. A connection in the clear is not touched.
type TLS struct{ args tlsArgs }

type tlsArgs struct {
	Fail    bool   `json:"fail,omitempty" doc:"ends the handshake with an alert"`
	Expired bool   `json:"expired,omitempty" doc:"presents an expired certificate"`
	Host    string `json:"host,omitempty" doc:"presents a certificate for this host name"`
}

// FailHandshake ends the TLS handshake with an alert.
func FailHandshake() TLS { return TLS{tlsArgs{Fail: true}} }

// ExpiredCertificate shows a certificate that has expired.
func ExpiredCertificate() TLS { return TLS{tlsArgs{Expired: true}} }

// CertificateFor shows a certificate for another host name alone.
func CertificateFor(host string) TLS { return TLS{tlsArgs{Host: host}} }

func (TLS) kind() string { return "tls" }

func (e TLS) check() error {
	if e.args == (tlsArgs{}) {
		return errors.New("want fail, expired or host")
	}
	return nil
}

func (TLS) needs() need { return needTLS }

func (e TLS) open(o *Opening) {
	o.Alert = o.Alert || e.args.Fail
	o.Expired = o.Expired || e.args.Expired
	o.Host = cmp.Or(e.args.Host, o.Host)
}

// onlyTLS reports whether effects act on the handshake alone.
func onlyTLS(effects []Effect) bool {
	for _, e := range effects {
		if group, ok := e.(all); ok && onlyTLS(group.effects) {
			continue
		}
		if _, ok := e.(TLS); !ok {
			return false
		}
	}
	return len(effects) > 0
}
