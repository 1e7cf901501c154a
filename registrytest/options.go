package registrytest

import (
	"errors"
	"log/slog"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// Option is how a registry differs from one that serves HTTP/1.1 in the clear on
// a free loopback port, is strict, and keeps its content in memory.
type Option func(*config)

type config struct {
	registry registry.Options
	server   server.Config
	store    registry.Store
	record   record.Options
	quiet    bool
	networks int // options that choose a network

	service   *auth.Service // what Auth has made
	authError error
}

func (c *config) check() error {
	if c.authError != nil {
		return c.authError
	}
	if c.networks > 1 {
		return errors.New("choose one of InMemory and OnNetwork")
	}
	if c.server.Network != nil && c.server.Addr != "" {
		return errors.New("a registry in memory has no address: leave out Addr, or InMemory and OnNetwork")
	}
	return nil
}

// WithOptions sets what the registry is to do otherwise than the specification's
// strict reading asks for.
func WithOptions(options registry.Options) Option {
	return func(c *config) { c.registry = options }
}

// WithStore sets what keeps the registry's content. Several registries may share
// a store. The default is a new memstore.
func WithStore(store registry.Store) Option {
	return func(c *config) { c.store = store }
}

// TLS serves HTTPS. The registry has a certificate authority of its own, whose
// certificate [Registry.CertPool] has.
func TLS() Option {
	return func(c *config) { c.server.TLS = true }
}

// HTTP2 serves HTTPS and offers HTTP/2 beside HTTP/1.1.
func HTTP2() Option {
	return func(c *config) { c.server.HTTP2 = true }
}

// H2C accepts HTTP/2 with prior knowledge beside HTTP/1.1, in the clear.
func H2C() Option {
	return func(c *config) { c.server.H2C = true }
}

// Addr sets the TCP address to listen on, "127.0.0.1:5000". The default is a
// free port of 127.0.0.1.
func Addr(address string) Option {
	return func(c *config) { c.server.Addr = address }
}

// InMemory needs no socket: clients connect in memory, through
// [Registry.Transport]. Every host name leads to the registry, on every port,
// over both http and https; URL and Host name it "registry.test".
func InMemory() Option {
	return func(c *config) {
		c.server.Network = new(server.Network)
		c.networks++
	}
}

// OnNetwork is a registry in memory that others share the network with, under a
// host name, such as "a.example". The name "*" stands for all that nobody else
// has. Starting fails if the name is taken.
func OnNetwork(n *Network, host string) Option {
	return func(c *config) {
		c.server.Network = &n.network
		c.server.Host = host
		c.networks++
	}
}

// Magic lets clients choose faults by the name of the repository, for those that
// cannot be told otherwise: "fault/status-503/times-2/app" is "app" with two failures.
// See [faults.Engine.Magic].
func Magic() Option {
	return func(c *config) { c.server.Magic = true }
}

// Logger sets where the registry logs to: one record for each request, at level
// Debug, and errors.
func Logger(log *slog.Logger) Option {
	return func(c *config) { c.server.Log = log }
}

// WithRecording sets what is kept of requests and their answers: how much memory
// they may take, how much of their bodies is kept, and whether credentials are. If
// the options have no Log, the registry's is used.
func WithRecording(options record.Options) Option {
	return func(c *config) { c.record = options }
}

// QuietJournal leaves it to failed assertions to show the journal: a test that
// fails for another reason does not log it. See [New].
func QuietJournal() Option {
	return func(c *config) { c.quiet = true }
}
