package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// access holds the flags for users and their permissions.
type access struct {
	users    []string // NAME:PASSWORD, or NAME until they are checked
	bearer   bool
	htpasswd string
	token    string
	clientCA string
	certs    bool // client certificates authenticate users

	options auth.Options  // of the users
	login   credentials   // the first user; without the password if only its hash is known
	started *auth.Service // at the start; nil without authentication
}

type credentials struct{ user, password string }

// check validates the combination of flags.
func (f *access) check() error {
	for i, user := range f.users {
		f.users[i] = withPassword(user, ownPassword)
		if _, _, err := splitLogin("--user", f.users[i]); err != nil {
			name, _, _ := strings.Cut(user, ":")
			return fmt.Errorf("%w (user %q)", err, name)
		}
	}
	if f.bearer && len(f.users) == 0 && f.htpasswd == "" && f.token == "" {
		return errors.New("--bearer needs users: give it --user, --htpasswd or --token-auth")
	}
	if f.certs && f.clientCA == "" {
		return errors.New("--cert-login needs --client-ca")
	}
	return nil
}

// asks reports whether clients must authenticate.
func (f *access) asks() bool { return f.hasUsers() || f.started != nil }

// hasUsers reports whether flags name users.
func (f *access) hasUsers() bool { return f.hasPasswords() || f.certs }

// hasLogin reports whether anybody can log in.
func (f *access) hasLogin() bool { return f.hasUsers() || f.login.user != "" }

func (f *access) hasPasswords() bool {
	return len(f.users) > 0 || f.htpasswd != "" || f.token != ""
}

// takesTokens reports whether clients must exchange their password for a token.
func (f *access) takesTokens() bool {
	return f.bearer || f.token != "" || f.started != nil && f.started.ServiceName() != ""
}

// read reads the files, and configures the listener of the server.
func (f *access) read(ctx context.Context, c *server.Config) (err error) {
	if f.clientCA != "" {
		text, err := readFile(ctx, f.clientCA)
		if err != nil {
			return fmt.Errorf("--client-ca: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("--client-ca: %s contains no PEM certificate", f.clientCA)
		}
		c.ClientCerts = server.RequireClientCerts
	}
	if !f.hasUsers() {
		return nil
	}
	if f.options, err = f.readOptions(ctx); err != nil {
		return err
	}
	f.options.CertificateLogin = f.options.CertificateLogin || f.certs
	if f.clientCA != "" && f.options.CertificateLogin && f.hasPasswords() {
		c.ClientCerts = server.OptionalClientCerts // clients may use a password instead
	}
	return nil
}

// service returns the authentication service for the users of the flags and the options of a
// profile, which can be nil, or nil without authentication.
func (f *access) service(profile *auth.Options, trustForwarded bool) (*auth.Service, error) {
	if !f.hasUsers() && profile == nil {
		return nil, nil
	}
	options := f.options
	if profile != nil {
		if !f.hasUsers() && f.login.user != "" {
			options.Users = map[string]string{f.login.user: f.login.password}
		}
		options = *profiles.Settings{Auth: profile}.With(registry.Options{}, &options).Auth
	}
	options.TrustForwarded = options.TrustForwarded || trustForwarded
	service, err := auth.New(options)
	switch {
	case err == nil:
		return service, nil
	case f.htpasswd != "": // the other options are valid
		return nil, fmt.Errorf("--htpasswd %s: %w", f.htpasswd, err)
	case f.token != "":
		return nil, fmt.Errorf("--token-auth %s: %w", f.token, err)
	}
	return nil, err
}

func (f *access) readOptions(ctx context.Context) (options auth.Options, err error) {
	if f.token != "" {
		text, err := readFile(ctx, f.token)
		if err != nil {
			return options, fmt.Errorf("--token-auth: %w", err)
		}
		if options, err = config.AuthOptions(text); err != nil {
			return options, fmt.Errorf("--token-auth %s: %w", f.token, err)
		}
		if options.Token == nil {
			options.Token = new(auth.TokenOptions)
		}
	}
	if f.htpasswd != "" {
		text, err := readFile(ctx, f.htpasswd)
		if err != nil {
			return options, fmt.Errorf("--htpasswd: %w", err)
		}
		if options.Htpasswd != "" {
			return options, errors.New("--htpasswd: the --token-auth file contains htpasswd, too: remove one of them")
		}
		options.Htpasswd = string(text)
	}
	return options, f.addUsers(&options)
}

// addUsers adds the users of the command line, and selects the user of the login: the first of
// them, or else the first user by name, or else of the htpasswd file.
func (f *access) addUsers(options *auth.Options) error {
	if f.bearer && options.Token == nil {
		options.Token = new(auth.TokenOptions)
	}
	for i, user := range f.users {
		name, password, _ := strings.Cut(user, ":")
		if _, ok := options.Users[name]; ok {
			return fmt.Errorf("--user: duplicate user %q", name)
		}
		if options.Users == nil {
			options.Users = map[string]string{}
		}
		options.Users[name] = password
		if i == 0 {
			f.login = credentials{name, password}
		}
	}
	switch {
	case len(f.users) > 0:
	case len(options.Users) > 0:
		name := slices.Min(slices.Collect(maps.Keys(options.Users)))
		f.login = credentials{name, options.Users[name]}
	default:
		f.login.user, _, _ = strings.Cut(options.Htpasswd, ":")
	}
	return nil
}
