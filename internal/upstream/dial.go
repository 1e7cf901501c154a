package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of what the registry, and each host that it names, may do.
const (
	dialTimeout   = 30 * time.Second
	headerTimeout = 10 * time.Minute // from the end of a request to the header of its answer: registries commit uploads in it
	maxHeader     = 256 << 10        // bytes of the header of an answer
	maxIdle       = 64               // idle connections to a host
)

// newNetwork returns a transport that dials only addresses that the dialer permits. It uses no proxy:
// a proxy would resolve names itself.
func newNetwork(base *url.URL, options Options) *http.Transport {
	d := newDialer(base, options.AllowHosts)
	return &http.Transport{
		DialContext:            d.dial,
		TLSClientConfig:        &tls.Config{RootCAs: options.CAs},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // what was sent is what the client receives
		MaxIdleConns:           2 * maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    dialTimeout,
		ExpectContinueTimeout:  time.Second,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        bufferSize,
		ReadBufferSize:         bufferSize,
	}
}

// address returns the host and the port that a URL leads to.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// dialer dials the registry, and of other hosts only public addresses, those that are as near as the
// registry, and those that are allowed by name. How near the registry is, its URL says, or the first
// connection to it: a later answer of its name server makes no other address reachable.
type dialer struct {
	own   string   // address of the registry, as a URL has it
	allow []string // hosts, with or without a port

	near atomic.Uint32 // nearness of the registry, as a bit; 0: not known
}

func newDialer(base *url.URL, allow []string) *dialer {
	d := &dialer{own: address(base), allow: allow}
	host := base.Hostname()
	if at, err := netip.ParseAddr(host); err == nil {
		d.near.Store(1 << nearnessOf(at))
	} else if strings.EqualFold(host, "localhost") {
		d.near.Store(1 << loopback)
	}
	return d
}

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	check := func(_ context.Context, _, resolved string, _ syscall.RawConn) error { return d.check(addr, resolved) }
	c, err := (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: check}).DialContext(ctx, network, addr)
	if err == nil {
		d.connected(addr, c.RemoteAddr().String())
	}
	return c, err
}

// check returns an error if the address that a host has resolved to may not be dialled.
func (d *dialer) check(addr, resolved string) error {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return err
	}
	near, known := nearnessOf(at.Addr()), d.near.Load()
	own := strings.EqualFold(addr, d.own)
	if near == public || known&(1<<near) != 0 || own && known == 0 && near.byName() || d.allows(addr) {
		return nil
	}
	host, _, _ := net.SplitHostPort(addr)
	if own {
		return fmt.Errorf("%s is %s, which is a %s address: allow the host %s if that is intended", addr, at.Addr(), near, host)
	}
	return fmt.Errorf("%s is %s, which is a %s address, and the registry is not at one: allow the host %s if that is intended", addr, at.Addr(), near, host)
}

// connected notes how near the registry is, at the first connection to it.
func (d *dialer) connected(addr, resolved string) {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil || !strings.EqualFold(addr, d.own) {
		return
	}
	if near := nearnessOf(at.Addr()); near.byName() {
		d.near.CompareAndSwap(0, 1<<near)
	}
}

func (d *dialer) allows(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	for _, allowed := range d.allow {
		if strings.EqualFold(allowed, addr) || strings.EqualFold(strings.Trim(allowed, "[]"), host) {
			return true
		}
	}
	return false
}

// nearness is the part of the network that an address belongs to.
type nearness uint8

const (
	public nearness = iota
	loopback
	private
	linkLocal
	special // no host of the internet has such an address
)

// byName reports whether the name of the registry may lead to such an address. Link-local addresses
// are those of the metadata services of clouds.
func (n nearness) byName() bool { return n < linkLocal }

func (n nearness) String() string {
	return [...]string{"public", "loopback", "private", "link-local", "special-purpose"}[n]
}

// ranges are the special ranges that netip has no method for (IANA special-purpose address
// registries). An IPv4 address that is embedded in an IPv6 address counts as that address.
var ranges = []struct {
	prefix netip.Prefix
	is     nearness
	offset int // of the embedded IPv4 address; 0: none
}{
	{prefix: netip.MustParsePrefix("100.64.0.0/10"), is: private},
	{prefix: netip.MustParsePrefix("0.0.0.0/8"), is: special},
	{prefix: netip.MustParsePrefix("192.0.0.0/24"), is: special},
	{prefix: netip.MustParsePrefix("198.18.0.0/15"), is: special},
	{prefix: netip.MustParsePrefix("240.0.0.0/4"), is: special},
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), offset: 12},
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), is: private},
	{prefix: netip.MustParsePrefix("2002::/16"), offset: 2},
	{prefix: netip.MustParsePrefix("2001::/32"), is: special},
	{prefix: netip.MustParsePrefix("100::/64"), is: special},
	{prefix: netip.MustParsePrefix("::/96"), offset: 12},
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), is: special}, // IPv4-translated
	{prefix: netip.MustParsePrefix("fec0::/10"), is: private},
}

func nearnessOf(a netip.Addr) nearness {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsLoopback():
		return loopback
	case a.IsPrivate():
		return private
	case a.IsLinkLocalUnicast():
		return linkLocal
	case a.IsUnspecified(), a.IsMulticast():
		return special
	}
	for _, r := range ranges {
		if !r.prefix.Contains(a) {
			continue
		}
		if r.offset == 0 {
			return r.is
		}
		text := a.As16()
		return nearnessOf(netip.AddrFrom4([4]byte(text[r.offset : r.offset+4])))
	}
	return public
}
