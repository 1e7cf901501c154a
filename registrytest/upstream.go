package registrytest

import (
	"crypto/x509"
	"fmt"

	"github.com/ocifake/ocifake/internal/upstream"
)

// WithUpstream puts the registry in front of another one, at a URL such as
// "https://registry.example": a reverse proxy behind recording, faults, authentication and
// TLS. It is experimental.
//
// Everything that the other registry sends clients to passes here too: token services, upload
// sessions, pages of lists, and the storage that blobs are redirected to, so that faults act
// in the middle of those blobs. It contacts only that registry and the hosts that the
// registry names, at addresses that are public or as near as the registry.
//
// The credentials of clients are passed on, unless the registry has [WithAuth],
// [WithAuthenticator] or Credentials in [WithUpstreamOptions]. If the other registry cannot
// be reached, or its answer cannot pass, the client receives 502, and the reason is in
// UpstreamError of the exchange.
//
// In a bubble of [testing/synctest], virtual time does not pass while the other registry is
// at work.
//
// The methods of [Registry] that push, read or delete content call the other registry. What
// [WithHandler] cannot do, WithUpstream cannot do either.
func WithUpstream(url string) Option {
	return once("WithUpstream", func(c *config) (err error) {
		if c.upstream, err = upstream.ParseURL(url); err != nil {
			return fmt.Errorf("WithUpstream: %w", err)
		}
		return nil
	})
}

// UpstreamOptions are the options of [WithUpstream]. The zero value is right for a registry
// whose certificate the system trusts.
type UpstreamOptions struct {
	// CAs verify the certificates of the other registry and of the hosts that it names.
	// Default: the system's.
	CAs *x509.CertPool

	// Credentials returns the user name and the password for a host, "registry.example:5000"
	// or "docker.io", or empty ones for anonymous access. If it is set, the registry logs in
	// and requests tokens itself, and does not pass on the credentials of clients. The user
	// name "<token>" marks an identity token of Docker. The function must be safe for
	// concurrent use. Its error is part of the answer to the client.
	Credentials func(host string) (username, password string, err error)

	// AllowHosts are hosts, with or without a port, that the other registry may name although
	// their addresses are loopback, private or link-local.
	AllowHosts []string
}

// WithUpstreamOptions sets how the registry of [WithUpstream] is reached. It is experimental.
func WithUpstreamOptions(options UpstreamOptions) Option {
	return once("WithUpstreamOptions", func(c *config) error {
		c.reach = options
		return nil
	})
}

// foreign returns the option that replaces the registry of this module, or "".
func (c *config) foreign() string {
	switch {
	case c.upstream != nil:
		return "WithUpstream"
	case c.handler != nil:
		return "WithHandler"
	}
	return ""
}

// upstreamOptions returns the options of the upstream. The credentials for an authentication of
// this registry are for nobody else.
func (c *config) upstreamOptions() upstream.Options {
	options := upstream.Options{CAs: c.reach.CAs, Credentials: c.reach.Credentials, AllowHosts: c.reach.AllowHosts}
	if options.Credentials == nil && c.server.Authenticator != nil {
		options.Credentials = upstream.Anonymous
	}
	return options
}
