package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/ocifake/ocifake/internal/upstream"
)

// upstreams holds the flags for a registry in the place of this one.
type upstreams struct {
	url   string
	ca    string // file name
	login string // NAME:PASSWORD, or NAME until it is checked
	// docker takes the credentials from Docker's configuration and its credential helpers.
	docker bool
	allow  []string

	base *url.URL // nil without an upstream
}

// title begins the titles of the groups of flags that configure the registry of this program.
const (
	registryTitle = "Registry (default: strict, with every optional feature)"
	contentTitle  = "Content (default: in memory)"
)

// forUpstreams are the flags in these groups that an upstream has, too.
var forUpstreams = []string{"trust-forwarded"}

// check parses the URL, and refuses the flags for the registry that an upstream replaces.
func (u *upstreams) check(c *serveConfig, flags *pflag.FlagSet) (err error) {
	if u.url == "" {
		if c.keeping.keep == "" && (u.ca+u.login != "" || u.docker || len(u.allow) > 0) {
			return errors.New("--upstream-ca, --upstream-user, --upstream-docker-login and --allow-host need --upstream")
		}
		return nil
	}
	if u.base, err = upstream.ParseURL(u.url); err != nil {
		return fmt.Errorf("--upstream: %w", err)
	}
	if u.login != "" && u.docker {
		return errors.New("choose one of --upstream-user and --upstream-docker-login")
	}
	if u.login != "" {
		u.login = withPassword(u.login, upstreamPassword)
		if _, _, err := splitLogin("--upstream-user", u.login); err != nil {
			return err
		}
	}
	for _, group := range c.flags() {
		if group.title != registryTitle && group.title != contentTitle {
			continue
		}
		for _, row := range group.flags {
			if flags.Changed(row.name) && !slices.Contains(forUpstreams, row.name) {
				return excluded(row.name)
			}
		}
	}
	for _, name := range []string{"fault-names", "snapshot", "hosts"} {
		if flags.Changed(name) {
			return excluded(name)
		}
	}
	return nil
}

func excluded(flag string) error {
	return fmt.Errorf("--upstream excludes --%s, which is for the registry of ocifake", flag)
}

// open returns the upstream, for a registry with or without users of its own.
func (u *upstreams) open(ctx context.Context, users, trustForwarded bool) (*upstream.Upstream, error) {
	options, err := u.options(ctx, users, trustForwarded)
	if err != nil {
		return nil, err
	}
	return upstream.New(u.base, options), nil
}

// options returns the options of an upstream.
func (u *upstreams) options(ctx context.Context, users, trustForwarded bool) (upstream.Options, error) {
	options := upstream.Options{AllowHosts: u.allow, TrustForwarded: trustForwarded}
	if u.ca != "" {
		text, err := readFile(ctx, u.ca)
		if err != nil {
			return options, fmt.Errorf("--upstream-ca: %w", err)
		}
		if options.CAs, err = x509.SystemCertPool(); err != nil {
			options.CAs = x509.NewCertPool() // there are none
		}
		if !options.CAs.AppendCertsFromPEM(text) {
			return options, fmt.Errorf("--upstream-ca: %s contains no PEM certificate", u.ca)
		}
	}
	switch {
	case u.docker:
		options.Credentials = new(dockerLogins).find
	case u.login != "":
		options.Credentials = func(string) (string, string, error) { return splitLogin("--upstream-user", u.login) }
	case users:
		options.Credentials = upstream.Anonymous
	}
	return options, nil
}

// dockerLogins are the credentials of Docker's configuration. They are read again after a while: a
// credential helper can issue passwords that expire.
type dockerLogins struct {
	mu             sync.Mutex
	user, password string
	read           time.Time
}

const dockerLoginAge = 5 * time.Minute

// find returns the credentials for the host of the upstream.
func (d *dockerLogins) find(host string) (user, password string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read.IsZero() && time.Since(d.read) < dockerLoginAge {
		return d.user, d.password, nil
	}
	names := []string{host}
	if host == "docker.io" {
		names = []string{"index.docker.io", "docker.io", "registry-1.docker.io"}
	}
	for _, name := range names {
		if d.user, d.password, err = dockerLogin(name); err != nil || d.user+d.password != "" {
			break
		}
	}
	if err == nil {
		d.read = time.Now()
	}
	return d.user, d.password, err
}
