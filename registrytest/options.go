package registrytest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/apistore"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// Option changes a registry from the default, which serves HTTP/1.1 without TLS on a free
// loopback port, is strict, and keeps its content in memory. An option that has a value can
// be given once.
type Option func(*config)

type config struct {
	registry registry.Options
	server   server.Config
	store    registry.Store
	handler  http.Handler   // of WithHandler
	login    apistore.Login // of WithHandlerLogin
	upstream *url.URL       // of WithUpstream; nil without it
	reach    UpstreamOptions
	replay   *replay.Host // of a World; nil: nothing was kept
	aliases  []string     // of a World
	name     string       // of WithName
	record   recorder.Options
	service  *auth.Service               // that WithAuth made
	access   *auth.Options               // of WithAuth
	profile  *profiles.Profile           // of WithProfile; nil: strict
	network  *Network                    // of WithNetwork
	lint     func(*Registry, testing.TB) // of WithLint; nil without it

	names    map[string]bool // options with a value that were given
	inMemory bool            // WithInMemory was given
	networks int             // options that choose a network
	auths    int             // WithAuth and WithAuthenticator that were given
	errs     []error
}

// once returns an option that has a value, and so cannot be given twice.
func once(name string, set func(*config) error) Option {
	return func(c *config) {
		if c.names[name] {
			c.errs = append(c.errs, fmt.Errorf("%s is given twice: give it once", name))
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

// WithError makes the start of the registry fail with an error. It is for functions that return
// options, such as config.Profile.
func WithError(err error) Option {
	return func(c *config) {
		if err != nil {
			c.errs = append(c.errs, err)
		}
	}
}

// given returns an error if the value of an option is nil.
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
	if foreign := c.foreign(); foreign != "" {
		for _, name := range []string{"WithOptions", "WithStore", "WithProfile"} {
			if c.names[name] {
				c.errs = append(c.errs, fmt.Errorf("%s excludes %s, which is for the registry of this module", foreign, name))
			}
		}
		if c.server.FaultNames {
			c.errs = append(c.errs, fmt.Errorf("%s excludes WithFaultNames, which needs the registry of this module", foreign))
		}
	}
	if c.handler != nil && c.upstream != nil {
		c.errs = append(c.errs, errors.New("choose one of WithHandler and WithUpstream"))
	}
	if c.upstream == nil && c.names["WithUpstreamOptions"] {
		c.errs = append(c.errs, errors.New("WithUpstreamOptions needs WithUpstream"))
	}
	if c.handler == nil && c.names["WithHandlerLogin"] {
		c.errs = append(c.errs, errors.New("WithHandlerLogin needs WithHandler, to whose handler it logs in"))
	}
	if err := c.server.Validate(); err != nil {
		c.errs = append(c.errs, err)
	}
	if c.profile != nil && len(c.errs) == 0 {
		c.errs = append(c.errs, c.applyProfile())
	}
	c.server.Aliases = append(c.server.Aliases, c.aliases...)
	if c.access != nil {
		c.errs = append(c.errs, c.authenticate())
	}
	return c, errors.Join(c.errs...)
}

// authenticate makes the service of WithAuth and of the profile.
func (c *config) authenticate() (err error) {
	if c.replay != nil {
		c.server.Authenticator, err = replay.Access(*c.access)
		return err
	}
	c.service, err = auth.New(*c.access)
	c.server.Authenticator = c.service
	return err
}

// WithOptions sets the options of the registry. The zero value is the strict registry.
func WithOptions(options registry.Options) Option {
	return once("WithOptions", func(c *config) error {
		c.registry = options
		if err := options.Validate(); err != nil {
			return fmt.Errorf("WithOptions: %w", err)
		}
		return nil
	})
}

// WithStore sets the store of the registry. Several registries may share a store. The
// default is a new memstore.
func WithStore(store registry.Store) Option {
	return once("WithStore", func(c *config) error {
		c.store = store
		return given("WithStore", store)
	})
}

// WithHandler replaces the registry of this module by any handler of the distribution API,
// such as that of CNCF distribution, zot or go-containerregistry. Recording, faults,
// authentication and TLS work as with the default registry.
//
// The methods of [Registry] that push, read or delete content call the handler in process:
// their requests are not recorded, and faults and authentication do not apply to them. What
// the API cannot do fails the test: [Registry.Check], [Registry.Reset],
// [Registry.Snapshot], and effects that change the store. If the handler has a method
// Direct() http.Handler, these methods call the handler that it returns.
func WithHandler(h http.Handler) Option {
	return once("WithHandler", func(c *config) error {
		c.handler = h
		return given("WithHandler", h)
	})
}

// WithHandlerLogin sets the user name and the password that the methods of [Registry] send
// to the handler of [WithHandler], if it asks for Basic authentication.
func WithHandlerLogin(username, password string) Option {
	return once("WithHandlerLogin", func(c *config) error {
		c.login = apistore.Login{Username: username, Password: password}
		return nil
	})
}

// HTTPLimits are the limits of the registry as an HTTP server. Zero is the default of each.
type HTTPLimits struct {
	// MaxHeader is the approximate maximum size of a request header in bytes: a larger one,
	// such as one with a large token, is refused with 431. In HTTP/2, a single field above it
	// ends the connection. Default and maximum 256 KiB.
	MaxHeader int64

	// MaxStreams is the maximum number of open streams of an HTTP/2 connection. Default 250.
	MaxStreams int

	// StreamWindow and ConnWindow are the bytes that a client may send on an HTTP/2 stream,
	// and on a connection, before the registry has read them. Default 1 MiB. A connection
	// has at least 65,535. With less on a stream, a longer body that the client sends before
	// it has read the settings ends in FLOW_CONTROL_ERROR.
	StreamWindow, ConnWindow int64
}

// WithHTTPLimits sets the limits of the HTTP server.
func WithHTTPLimits(limits HTTPLimits) Option {
	return once("WithHTTPLimits", func(c *config) error {
		c.server.Limits = server.Limits(limits)
		return nil
	})
}

// WithName sets the name of the registry in messages and journals. By default it is the URL,
// which does not tell apart several registries on ports.
func WithName(name string) Option {
	return once("WithName", func(c *config) error {
		c.name = name
		return nil
	})
}

// WithTLS serves HTTPS. The certificate is signed by an authority of the registry's own; see
// [Registry.CertPool]. It excludes [WithH2C].
func WithTLS() Option {
	return func(c *config) { c.server.TLS = true }
}

// WithHTTP2 serves HTTPS, with HTTP/2 and HTTP/1.1. It excludes [WithH2C].
func WithHTTP2() Option {
	return func(c *config) { c.server.HTTP2 = true }
}

// WithH2C accepts HTTP/2 with prior knowledge in addition to HTTP/1.1, without TLS. It
// excludes [WithTLS] and [WithHTTP2].
func WithH2C() Option {
	return func(c *config) { c.server.H2C = true }
}

// WithAddr sets the TCP address to listen on, "127.0.0.1:5000". The default is a free port of
// 127.0.0.1.
func WithAddr(address string) Option {
	return once("WithAddr", func(c *config) error {
		c.server.Addr = address
		return nil
	})
}

// WithInMemory opens no socket: clients connect in memory, through [Registry.Transport].
// Every host name leads to the registry, on every port, over both http and https. URL and
// Host use the name "use-registry-transport.test".
func WithInMemory() Option {
	return func(c *config) {
		if !c.inMemory {
			c.inMemory = true
			c.server.Network = new(server.Network)
			c.networks++
		}
	}
}

// WithNetwork puts the registry in memory on a network that it shares with other registries,
// under a host name such as "a.example". The name "*" stands for all names that no other
// registry has. Starting fails if the name is taken.
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

// WithLogger sets the logger of the registry. It gets errors, and one record for each
// request at level Debug.
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
	// default are replaced by their fingerprints, see [record.Secret].
	KeepSecrets bool `json:"keepSecrets,omitempty"`
}

// WithRecording sets how much is kept of requests and their answers.
func WithRecording(r Recording) Option {
	return once("WithRecording", func(c *config) error {
		c.record = recorder.Options{MaxBytes: r.MaxBytes, MaxBody: r.MaxBody, KeepSecrets: r.KeepSecrets}
		return nil
	})
}
