// Package memnet is a network in memory: listeners told apart by host name and
// connections that behave as TCP's do, without a socket, a port or a goroutine
// of their own.
//
// Connections buffer what is written, up to a bound, can be closed in one
// direction, obey deadlines, and fail with the errors of package net. Whatever
// waits does so in a way that [testing/synctest] takes for durably blocked.
package memnet

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/ocifake/ocifake/internal/bubble"
)

// Any is the host that takes the connections to every name that no other
// listener of the network has.
const Any = "*"

// Dead is a host on which nobody can listen: connections to it are refused, even
// where a listener has [Any].
const Dead = "dead.test"

// backlog is how many connections wait for Accept before another dial blocks.
const backlog = 128

// firstPort is the first port of dialing ends, as on most systems.
const firstPort = 49152

// Network is a set of listeners that can be dialed. The zero value is an empty
// network. It is safe for concurrent use.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	dialed    int
}

// Listen listens on every port of a host name, or for [Any] on every name that
// is not taken. Names are compared without regard to case and to a final dot.
// It fails with [syscall.EADDRINUSE] if the name is taken, and with
// [syscall.EADDRNOTAVAIL] if it is empty or [Dead].
func (n *Network) Listen(host string) (net.Listener, error) {
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
		inBubble: bubble.Inside(),
		pending:  make(chan *Conn, backlog),
		closed:   make(chan struct{}),
	}
	n.listeners[host] = l
	return l, nil
}

// DialContext connects to the listener that has the host of the address,
// "host:port", or to that of [Any]; the port is ignored. The network is "tcp",
// "tcp4" or "tcp6", so that the method fits [net/http.Transport]. It fails with
// [syscall.ECONNREFUSED] if there is no such listener, and with the context's
// error if that ends while the listener's backlog is full. It fails, too, if it is
// called in a bubble of [testing/synctest] and the listener was made outside, or the
// other way round.
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
	if err := bubble.Check(l.inBubble); err != nil {
		return nil, err
	}
	client, server := pair(addr("127.0.0.1:"+strconv.Itoa(port)), addr(address))
	if err := l.offer(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

// route returns the listener for a host and a port for the dialing end.
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
	return n.listeners[Any], port
}

func (n *Network) remove(l *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[l.host] == l {
		delete(n.listeners, l.host)
	}
}

func canonical(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

var errRefused = os.NewSyscallError("connect", syscall.ECONNREFUSED)

// addr is the address of one end: "example.com:443", "127.0.0.1:49152".
type addr string

func (addr) Network() string  { return "mem" }
func (a addr) String() string { return string(a) }

type listener struct {
	network  *Network
	host     string
	addr     addr
	inBubble bool // it was made in one
	pending  chan *Conn
	once     sync.Once
	closed   chan struct{}
}

// offer hands the accepting end of a connection to the listener.
func (l *listener) offer(ctx context.Context, server *Conn) error {
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
	case <-l.closed: // perhaps after Close had emptied the backlog
		server.Reset()
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

// Close frees the host name and resets the connections that wait for Accept.
func (l *listener) Close() error {
	err := l.error("close", net.ErrClosed)
	l.once.Do(func() {
		err = nil
		l.network.remove(l)
		close(l.closed)
		for {
			select {
			case c := <-l.pending:
				c.Reset()
			default:
				return
			}
		}
	})
	return err
}

// Addr implements [net.Listener].
func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) error(op string, err error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: err}
}
