package effect

import (
	"cmp"
	"errors"
)

// Refuse resets a connection when it is opened.
type Refuse struct{}

func (Refuse) Kind() string    { return "refuse" }
func (Refuse) ends() bool      { return true }
func (Refuse) open(o *Opening) { o.Reset = true }

// Silence reads from a connection and never answers.
type Silence struct{}

func (Silence) Kind() string    { return "silence" }
func (Silence) ends() bool      { return true }
func (Silence) open(o *Opening) { o.Silent = true }

// TLS acts on the TLS handshake.
type TLS struct {
	Fail    bool   `json:"fail,omitempty" doc:"ends the handshake with an alert"`
	Expired bool   `json:"expired,omitempty" doc:"presents an expired certificate"`
	Host    string `json:"host,omitempty" doc:"presents a certificate for this host name"`
}

func (TLS) Kind() string { return "tls" }

func (e TLS) check() error {
	if e == (TLS{}) {
		return errors.New("want fail, expired or host")
	}
	return nil
}

func (TLS) needs() need { return needTLS }

func (e TLS) open(o *Opening) {
	o.Alert = o.Alert || e.Fail
	o.Expired = o.Expired || e.Expired
	o.Host = cmp.Or(e.Host, o.Host)
}

// OnlyTLS reports whether all of the effects act on the TLS handshake.
func OnlyTLS(effects []Behaviour) bool {
	for _, e := range effects {
		if group, ok := e.(All); ok && OnlyTLS(group) {
			continue
		}
		if _, ok := e.(TLS); !ok {
			return false
		}
	}
	return len(effects) > 0
}
