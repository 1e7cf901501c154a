package registrytest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/registry"
)

// Option is how a registry differs from one that serves HTTP/1.1 in the clear on
// a free loopback port, is strict, and keeps its content in memory. An option that
// has a value can be given once: starting fails if there are two.
type Option func(*config)

type config struct {
	registry registry.Options
	server   server.Config
	store    registry.Store
	handler  http.Handler // in place of our registry
	record   recorder.Options
	service  *auth.Service // what Auth has made
	network  *Network      // that others share

	names    map[string]bool // options with a value that were given
	inMemory bool            // InMemory was given
	networks int             // options that choose a network
	auths    int             // options that ask who clients are
	errs     []error
}

// once is an option that has a value, and so cannot be given twice.
func once(name string, set func(*config) error) Option {
	return func(c *config) {
		if c.names[name] {
			c.errs = append(c.errs, fmt.Errorf("%s is given twice: give it once, with all that it is to say", name))
			return
		}
		if c.names == nil {
			c.names = map[string]bool{}
		}
		c.names[name] = true
		if err := set(c); err != nil {
			c.errs = append(c.errs, err)
		}
	}
}

// given returns an error if the value of an option is nil, or a nil pointer.
func given(option string, value any) error {
	if must.IsNil(value) {
		return fmt.Errorf("%s of nil: leave out the option for the default", option)
	}
	return nil
}

// newConfig applies the options.
func newConfig(opts []Option) (config, error) {
	var c config
	for i, option := range opts {
		if option == nil {
			c.errs = append(c.errs, fmt.Errorf("option %d of %d is nil", i+1, len(opts)))
			continue
		}
		option(&c)
	}
	if c.networks > 1 {
		c.errs = append(c.errs, errors.New("choose one of WithInMemory and WithNetwork"))
	}
	if c.auths > 1 {
		c.errs = append(c.errs, errors.New("choose one of WithAuth and WithAuthenticator"))
	}
	if c.networks > 0 && c.server.Addr != "" {
		c.errs = append(c.errs, errors.New("a registry in memory has no address: leave out WithAddr, or WithInMemory and WithNetwork"))
	}
	if c.handler != nil && (c.names["WithOptions"] || c.names["WithStore"]) {
		c.errs = append(c.errs, errors.New("WithOptions and WithStore are for the registry of this module: leave them out with WithHandler"))
	}
	if c.handler != nil && c.server.FaultNames {
		c.errs = append(c.errs, errors.New("faults by names of repositories need the registry of this module: leave out WithFaultNames, or WithHandler"))
	}
	if err := c.server.Validate(); err != nil {
		c.errs = append(c.errs, err)
	}
	return c, errors.Join(c.errs...)
}

// WithOptions sets what the registry is to do otherwise than the specification's
// strict reading asks for.
func WithOptions(options registry.Options) Option {
	return once("WithOptions", func(c *config) error {
		c.registry = options
		if err := options.Validate(); err != nil {
			return fmt.Errorf("WithOptions: %w", err)
		}
		return nil
	})
}

// WithStore sets what keeps the registry's content. Several registries may share
// a store. The default is a new memstore.
func WithStore(store registry.Store) Option {
	return once("WithStore", func(c *config) error {
		c.store = store
		return given("WithStore", store)
	})
}

// WithHandler puts another registry in the place of this module's: any handler of the
// distribution API, such as that of CNCF distribution, zot or go-containerregistry.
// Recording, faults, auth, TLS and all else that is between a client and a registry
// work as always. The methods of [Registry] that put, read or delete content speak the
// distribution API to the handler, in process: what they do is not recorded, and no
// fault or auth of this module acts on it. What the API has no way to do fails the test
// and says so: [Registry.Check], [Registry.Reset], a [Registry.Snapshot], and effects
// that change what a Store has.
func WithHandler(h http.Handler) Option {
	return once("WithHandler", func(c *config) error {
		c.handler = h
		return given("WithHandler", h)
	})
}

// WithTLS serves HTTPS. The registry has a certificate authority of its own, whose
// certificate [Registry.CertPool] has.
func WithTLS() Option {
	return func(c *config) { c.server.TLS = true }
}

// WithHTTP2 serves HTTPS and offers HTTP/2 beside HTTP/1.1.
func WithHTTP2() Option {
	return func(c *config) { c.server.HTTP2 = true }
}

// WithH2C accepts HTTP/2 with prior knowledge beside HTTP/1.1, in the clear.
func WithH2C() Option {
	return func(c *config) { c.server.H2C = true }
}

// WithAddr sets the TCP address to listen on, "127.0.0.1:5000". The default is a
// free port of 127.0.0.1.
func WithAddr(address string) Option {
	return once("WithAddr", func(c *config) error {
		c.server.Addr = address
		return nil
	})
}

// WithInMemory needs no socket: clients connect in memory, through
// [Registry.Transport]. Every host name leads to the registry, on every port,
// over both http and https; URL and Host name it "use-registry-transport.test".
func WithInMemory() Option {
	return func(c *config) {
		if !c.inMemory {
			c.inMemory = true
			c.server.Network = new(server.Network)
			c.networks++
		}
	}
}

// WithNetwork is a registry in memory that others share the network with, under a
// host name, such as "a.example". The name "*" stands for all that nobody else
// has. Starting fails if the name is taken.
func WithNetwork(n *Network, host string) Option {
	return once("WithNetwork", func(c *config) error {
		if n == nil {
			return errors.New("WithNetwork of nil: make a network by NewNetwork")
		}
		c.server.Network = &n.network
		c.server.Host = host
		c.network = n
		c.networks++
		return nil
	})
}

// WithFaultNames lets clients that cannot be configured otherwise choose faults by the
// name of the repository: "fault/status-503/times-2/app" is "app", whose first two
// requests fail with 503, and "fault/reset-mid-blob/app" is "app" with a fault of package
// known. Each name has its own counts, which begin at its first request. The guide to
// faults lists the words that names can contain.
func WithFaultNames() Option {
	return func(c *config) { c.server.FaultNames = true }
}

// WithLogger sets where the registry logs to: one record for each request, at level
// Debug, and errors.
func WithLogger(log *slog.Logger) Option {
	return once("WithLogger", func(c *config) error {
		c.server.Log = log
		return given("WithLogger", log)
	})
}

// Recording is how much of the requests and their answers is kept. The zero value is
// right for most tests.
type Recording struct {
	// MaxBytes bounds the memory for exchanges that have ended and for closed
	// connections. Beyond it the oldest are dropped, and assertions that need them
	// fail. Default: 64 MiB; if negative, none are kept.
	MaxBytes int64 `json:"maxBytes,omitempty"`

	// MaxBody is how many bytes are kept of the body of a manifest, a list, a token
	// request, a token or an error. Blobs are never kept. Error codes are read from
	// what is kept. Default: 64 KiB; if negative, none are kept.
	MaxBody int `json:"maxBody,omitempty"`

	// KeepSecrets keeps passwords, tokens, cookies and signatures of URLs, which by
	// default are replaced by "[redacted]".
	KeepSecrets bool `json:"keepSecrets,omitempty"`
}

// WithRecording sets how much is kept of requests and their answers.
func WithRecording(r Recording) Option {
	return once("WithRecording", func(c *config) error {
		c.record = recorder.Options{MaxBytes: r.MaxBytes, MaxBody: r.MaxBody, KeepSecrets: r.KeepSecrets}
		return nil
	})
}
