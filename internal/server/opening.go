package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

var errFault = errors.New("a fault ended the connection")

// endings are the faults that end a connection when it opens. The first one that is set applies.
var endings = []struct {
	asked func(effect.Opening) bool
	what  string
	do    func(*Conn, effect.Opening)
}{
	{func(o effect.Opening) bool { return o.Reset }, "connection reset", func(c *Conn, _ effect.Opening) { c.Abort() }},
	{func(o effect.Opening) bool { return o.Silent }, "no answer", (*Conn).stayMute},
	{func(o effect.Opening) bool { return o.Raw != nil }, "raw bytes", (*Conn).sayRaw},
}

// open applies the faults that act before anything is read from the connection, and reports whether
// the connection continues.
func (c *Conn) open(o effect.Opening) bool {
	if o.Delay > 0 {
		c.fault(o, "delay of "+o.Delay.String())
		if !c.delay(o.Delay) {
			return false
		}
	}
	for _, ending := range endings {
		if ending.asked(o) {
			c.fault(o, ending.what)
			c.endWith(errFault)
			ending.do(c, o)
			return false
		}
	}
	return true
}

// fault records the action of rules on the connection.
func (c *Conn) fault(o effect.Opening, what string) {
	c.record.Failed("fault " + strings.Join(o.Rules, ", ") + ": " + what)
}

// delay waits for d, and reports whether the server is still open.
func (c *Conn) delay(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.server.ctx.Done():
		c.endWith(net.ErrClosed)
		return false
	}
	c.wire.SetReadDeadline(time.Now().Add(headerTimeout)) // the deadline of net/http may have passed
	return true
}

// stayMute reads until the client disconnects or the server closes.
func (c *Conn) stayMute(effect.Opening) {
	c.wire.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, &c.wire)
}

// sayRaw writes bytes and closes the connection in an orderly way. It reads the client's input
// first: closing a connection with unread input sends a reset, and the client's system then
// discards the bytes.
func (c *Conn) sayRaw(o effect.Opening) {
	c.wire.SetWriteDeadline(time.Now().Add(headerTimeout))
	if _, err := c.wire.Write(o.Raw); err != nil {
		return
	}
	c.CloseWrite()
	io.Copy(io.Discard, &c.wire) // until the header deadline
}

// tlsConfigFor returns the TLS settings with the faults of o applied.
func (c *Conn) tlsConfigFor(o effect.Opening) *tls.Config {
	config := c.from.tlsConfig()
	if !o.Alert && !o.Expired && o.Host == "" {
		return config
	}
	config = config.Clone()
	config.SessionTicketsDisabled = true // a resumed session has no certificate
	until, what := notAfter, []string(nil)
	if o.Expired {
		until = expired
		what = append(what, "expired certificate")
	}
	if o.Host != "" {
		what = append(what, "certificate for "+o.Host)
	}
	if o.Alert {
		what = []string{"TLS alert"}
	}
	c.fault(o, strings.Join(what, ", "))
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if o.Alert {
			return nil, errFault
		}
		hosts := c.server.authority.hostsFor(nameFor(hello))
		if o.Host != "" {
			hosts = []string{o.Host}
			if !certifiable(o.Host) {
				return nil, fmt.Errorf("make certificate: %q is neither an IP address nor a host name", o.Host)
			}
		}
		return c.server.authority.issue(hosts, until), nil
	}
	return config
}
