// Package memnet implements a network in memory: listeners with host names, and connections that
// behave like TCP connections, without sockets, ports or goroutines.
//
// Connections have bounded buffers, can be closed in one direction, obey deadlines, and fail with
// the errors of package net. Blocked calls are durably blocked in a [testing/synctest] bubble, and
// [CheckBubble] finds a network that is used outside of the bubble that it was made in.
package memnet

import (
	"context"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/ocifake/ocifake/internal/pattern"
)

// Any is the host of a listener that accepts connections to every name without a listener.
const Any = "*"

// AnyName is the host in URLs of a server that listens on [Any]. A client without the server's
// transport fails to resolve it, and its error contains this name.
const AnyName = "use-registry-transport.test"

// Dead is a host that refuses connections, even if a listener has the host [Any]. Listen fails for
// it.
const Dead = "dead.test"

// backlog is the number of connections that wait for Accept before a dial blocks.
const backlog = 128

// firstPort is the first port of client ends, as on most systems.
const firstPort = 49152

// Network is a set of listeners that can be dialed. The zero value is an empty
// network. It is safe for concurrent use.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	aliases   []alias // in the order in which they were added
	dialed    int
}

// alias is a pattern of further names of a listener.
type alias struct {
	matches func(host string) bool
	*listener
}

// Listen listens on every port of a host name, or with [Any] on every name without a listener.
// Names are case-insensitive and may end with a dot. It fails with [syscall.EADDRINUSE] if the name
// is in use, and with [syscall.EADDRNOTAVAIL] if it is empty or [Dead].
//
// Aliases are patterns of further names, in which * matches any characters. They lead to the
// listener unless another one has the name, or an earlier one has an alias for it.
func (n *Network) Listen(host string, aliases ...string) (net.Listener, error) {
	host = canonical(host)
	at := addr(net.JoinHostPort(host, "0"))
	n.mu.Lock()
	defer n.mu.Unlock()
	unusable := host == "" || host == Dead
	if unusable || n.listeners[host] != nil {
		err := syscall.EADDRINUSE
		if unusable {
			err = syscall.EADDRNOTAVAIL
		}
		return nil, &net.OpError{Op: "listen", Net: at.Network(), Addr: at, Err: os.NewSyscallError("bind", err)}
	}
	if n.listeners == nil {
		n.listeners = map[string]*listener{}
	}
	l := &listener{
		network:  n,
		host:     host,
		addr:     at,
		inBubble: InBubble(),
		pending:  make(chan net.Conn, backlog),
		closed:   make(chan struct{}),
	}
	n.listeners[host] = l
	for _, name := range aliases {
		n.aliases = append(n.aliases, alias{pattern.Matcher([]string{canonical(name)}), l})
	}
	return l, nil
}

// DialContext connects to the listener with the host of the address, "host:port", to that
// with an alias for it, or to that of [Any]. It ignores the port. The network is "tcp", "tcp4" or "tcp6", so that the method fits
// [net/http.Transport]. It fails with [syscall.ECONNREFUSED] without a listener, and with the
// context's error if the context ends while the listener's backlog is full. It also fails if either
// the caller or the listener, but not both, is in a [testing/synctest] bubble.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := n.dial(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: addr(address), Err: err}
	}
	return conn, nil
}

func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, net.UnknownNetworkError(network)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, port := n.route(host)
	if l == nil {
		return nil, errRefused
	}
	if err := CheckBubble(l.inBubble); err != nil {
		return nil, err
	}
	client, server := pair(addr("127.0.0.1:"+strconv.Itoa(port)), addr(address))
	if err := l.offer(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

// Offer connects a connection that was accepted elsewhere to the listener that a dial for the host
// would reach: the listener's Accept returns conn itself. On an error, which is like that of
// [Network.DialContext], the caller keeps the connection.
func (n *Network) Offer(ctx context.Context, host string, conn net.Conn) error {
	l, _ := n.route(host)
	err := errRefused
	if l != nil {
		if err = CheckBubble(l.inBubble); err == nil {
			err = l.offer(ctx, conn)
		}
	}
	if err != nil {
		return &net.OpError{Op: "offer", Net: "mem", Addr: addr(host), Err: err}
	}
	return nil
}

// Route returns the listener that a dial for the host reaches, or nil.
func (n *Network) Route(host string) net.Listener {
	if l, _ := n.route(host); l != nil {
		return l
	}
	return nil
}

// route returns the listener for a host, and a port for the client end.
func (n *Network) route(host string) (*listener, int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	port := firstPort + n.dialed%(1<<16-firstPort)
	n.dialed++
	host = canonical(host)
	if host == Dead {
		return nil, port
	}
	if l := n.listeners[host]; l != nil {
		return l, port
	}
	for _, a := range n.aliases {
		if a.matches(host) {
			return a.listener, port
		}
	}
	return n.listeners[Any], port
}

func (n *Network) remove(l *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[l.host] == l {
		delete(n.listeners, l.host)
	}
	n.aliases = slices.DeleteFunc(n.aliases, func(a alias) bool { return a.listener == l })
}

func canonical(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

var errRefused = os.NewSyscallError("connect", syscall.ECONNREFUSED)

// addr is an address such as "example.com:443" or "127.0.0.1:49152".
type addr string

func (addr) Network() string  { return "mem" }
func (a addr) String() string { return string(a) }

type listener struct {
	network  *Network
	host     string
	addr     addr
	inBubble bool // created in a synctest bubble
	pending  chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

// offer adds the server end of a connection to the backlog.
func (l *listener) offer(ctx context.Context, server net.Conn) error {
	select {
	case <-l.closed:
		return errRefused
	default:
	}
	select {
	case l.pending <- server:
	case <-l.closed:
		return errRefused
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-l.closed: // Close may have emptied the backlog before
		reset(server)
	default:
	}
	return nil
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, l.error("accept", net.ErrClosed)
	default:
	}
	select {
	case c := <-l.pending:
		return c, nil
	case <-l.closed:
		return nil, l.error("accept", net.ErrClosed)
	}
}

// Close releases the host name and resets the connections in the backlog.
func (l *listener) Close() error {
	err := l.error("close", net.ErrClosed)
	l.once.Do(func() {
		err = nil
		l.network.remove(l)
		close(l.closed)
		for {
			select {
			case c := <-l.pending:
				reset(c)
			default:
				return
			}
		}
	})
	return err
}

// reset resets a connection, or closes it if it cannot be reset.
func reset(c net.Conn) {
	if c, ok := c.(interface{ Reset() error }); ok {
		c.Reset()
		return
	}
	c.Close()
}

// Addr implements [net.Listener].
func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) error(op string, err error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: err}
}
