package registrytest

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/clientenv"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/server"
)

// WithAuth authenticates clients and authorizes their requests; see [auth.Options].
func WithAuth(options auth.Options) Option {
	return once("WithAuth", func(c *config) error {
		c.auths++
		c.access = &options
		return nil
	})
}

// WithAuthenticator is like [WithAuth] for another implementation, or for an [auth.Service]
// that several registries share.
func WithAuthenticator(a auth.Authenticator) Option {
	return once("WithAuthenticator", func(c *config) error {
		c.auths++
		c.service, _ = a.(*auth.Service)
		c.server.Authenticator = a
		return given("WithAuthenticator", a)
	})
}

// WithClientCerts serves HTTPS and requests client certificates, which
// [Registry.ClientCertificate] creates. Clients without a certificate are accepted. A
// certificate is a login only with CertificateLogin of [auth.Options].
func WithClientCerts() Option { return clientCerts(server.OptionalClientCerts) }

// WithRequiredClientCerts is like [WithClientCerts], but the TLS handshake fails without a
// certificate. A registry in memory also accepts http, which has no handshake.
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

// Credentials are the credentials of a user of a registry.
type Credentials struct {
	Host     string // of the registry, as in references
	Username string
	Password string
}

// Login returns credentials for a user of the registry, with a new password; the password in
// [auth.Options] stays valid. It fails t if the registry was started without [WithAuth], or
// if the options have users and neither they nor a pattern of a rule include this one. If the
// options have no users, any name is accepted. See also [auth.Service.Password].
func (r *Registry) Login(t testing.TB, user string) Credentials {
	t = r.test(t)
	t.Helper()
	if r.service == nil {
		t.Fatalf("registrytest: login as %q: the registry has no authentication: start it with WithAuth", user)
	}
	if known := r.service.Users(); user == "" || len(known) > 0 && !pattern.Matcher(known)(user) {
		t.Fatalf("registrytest: login as %q: the options of WithAuth name no such user: %s; for any other there is AuthService().Password(%[1]q, 0)", user, near.Hint(user, known))
	}
	return Credentials{Host: r.Host(), Username: user, Password: r.service.Password(user, 0)}
}

// DockerConfig writes the credentials into the file config.json of a new directory, as docker
// login does, and returns the directory, for DOCKER_CONFIG:
//
//	t.Setenv("DOCKER_CONFIG", reg.Login(t, "ci").DockerConfig(t))
//
// The directory is removed when the test ends, or by the caller if t is nil.
func (c Credentials) DockerConfig(t testing.TB) (dir string) {
	t = testOr(t, new(noTest))
	t.Helper()
	dir = t.TempDir()
	text, err := clientenv.AddLogin([]byte("{}"), c.Host, c.Username, c.Password)
	if err != nil {
		t.Fatalf("registrytest: Docker config of %s: %v", c.Username, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatalf("registrytest: Docker config of %s: %v", c.Username, err)
	}
	return dir
}
