package registrytest

import (
	"crypto/tls"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/server"
)

// WithAuth asks clients who they are: see [auth.Options]. Starting fails if the options
// make no sense.
func WithAuth(options auth.Options) Option {
	return once("WithAuth", func(c *config) (err error) {
		c.auths++
		c.service, err = auth.New(options)
		c.server.Authenticator = c.service
		return err
	})
}

// WithAuthenticator is [WithAuth] with an implementation of one's own, or with a Service that
// registries share.
func WithAuthenticator(a auth.Authenticator) Option {
	return once("WithAuthenticator", func(c *config) error {
		c.auths++
		c.service, _ = a.(*auth.Service)
		c.server.Authenticator = a
		return given("WithAuthenticator", a)
	})
}

// WithClientCerts serves HTTPS and asks clients for certificates, which
// [Registry.ClientCertificate] makes; a client without one is let in. A certificate is
// a login only with CertificateLogin of [auth.Options].
func WithClientCerts() Option { return clientCerts(server.OptionalClientCerts) }

// WithRequiredClientCerts is [WithClientCerts], but the TLS handshake fails without a
// certificate. A registry in memory takes http, too, without a handshake.
func WithRequiredClientCerts() Option { return clientCerts(server.RequireClientCerts) }

func clientCerts(which server.ClientCerts) Option {
	return once("WithClientCerts", func(c *config) error {
		c.server.TLS, c.server.ClientCerts = true, which
		return nil
	})
}

// ClientCertificate returns a certificate with the common name name, for
// [tls.Config.Certificates].
func (r *Registry) ClientCertificate(name string) tls.Certificate {
	return r.server.Authority().ClientCertificate(name)
}

// AuthService returns the service that authenticates clients, to revoke tokens and to
// limit the life of the next ones. It is nil without [WithAuth], unless
// [WithAuthenticator] was given a Service. The methods of a nil Service panic with a
// message that says what is missing.
func (r *Registry) AuthService() *auth.Service { return r.service }

// Credentials are those of a user of a registry.
type Credentials struct {
	Host     string // of the registry, as in references
	Username string
	Password string
}

// Login returns credentials for a user of the registry, with a password that was
// made for it: the one in [auth.Options] works as well. It fails t if the registry
// was started without [WithAuth], or if the options name users and none of them, nor a
// pattern of a rule, is this one. Options that name nobody allow any name; see also
// [auth.Service.Password].
func (r *Registry) Login(t testing.TB, user string) Credentials {
	t = r.test(t)
	t.Helper()
	if r.service == nil {
		t.Fatalf("registrytest: login as %q: the registry asks nobody who they are: start it with WithAuth", user)
	}
	if known := r.service.Users(); user == "" || len(known) > 0 && !pattern.Matcher(known)(user) {
		t.Fatalf("registrytest: login as %q: the options of WithAuth name no such user: %s; for any other there is AuthService().Password(%[1]q, 0)", user, near.Hint(user, known))
	}
	return Credentials{Host: r.Host(), Username: user, Password: r.service.Password(user, 0)}
}

// DockerConfig writes the credentials into a Docker config.json and returns the
// directory that it is in. It is removed when the test ends; if t is nil, by the
// caller.
func (c Credentials) DockerConfig(t testing.TB) (dir string) {
	t = testOr(t, new(noTest))
	t.Helper()
	dir = t.TempDir()
	type entry struct {
		Auth []byte `json:"auth"` // base64 in JSON, as Docker has it
	}
	config := map[string]map[string]entry{"auths": {c.Host: {[]byte(c.Username + ":" + c.Password)}}}
	text, err := json.MarshalIndent(config, "", "\t")
	if err != nil {
		t.Fatalf("registrytest: Docker config of %s: %v", c.Username, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatalf("registrytest: Docker config of %s: %v", c.Username, err)
	}
	return dir
}
