package main

import (
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/clientenv"
)

// environment returns the environment of the command that runs with the registry, and a function
// that removes its files.
func (f *fixture) environment() (env []string, remove func() error, err error) {
	vars := clientenv.Variables{
		{"OCIFAKE_URL", f.server.URL()},
		{"OCIFAKE_HOST", f.server.Host()},
		{"OCIFAKE_CONTROL_URL", f.controlURL()},
		{"OCIFAKE_CONTROL_TOKEN", f.config.control.token},
	}
	if len(f.hosts) > 0 {
		proxy, err := url.Parse(f.proxyURL())
		if err != nil {
			return nil, func() error { return nil }, err
		}
		vars = append(vars, clientenv.Proxy(proxy, os.LookupEnv)...)
	}
	vars = append(vars, withoutProxy(vars.Lookup(os.LookupEnv), f.server.URL(), f.controlURL())...)
	dir, remove, err := f.environmentFolder()
	if err != nil {
		return nil, remove, err
	}
	if f.logsIn() {
		vars = append(vars, [2]string{dockerConfig, dir})
	}
	if f.needsTrust() {
		trust, err := clientenv.Trust(dir, f.server.Authority().CertPEM(), vars.Lookup(os.LookupEnv))
		if err != nil {
			return nil, remove, err
		}
		vars = append(vars, trust...)
	}
	secret := func(v string) bool {
		return strings.HasPrefix(v, ownPassword+"=") || strings.HasPrefix(v, upstreamPassword+"=")
	}
	return slices.DeleteFunc(vars.Set(os.Environ()), secret), remove, nil
}

// logsIn reports whether the command gets the credentials of a user.
func (f *fixture) logsIn() bool { return f.config.auth.login.user != "" }

// needsTrust reports whether the command needs the certificate of the authority.
func (f *fixture) needsTrust() bool { return f.config.server.TLS || len(f.hosts) > 0 }

// environmentFolder creates the directory of the files in the environment, if there are any. It
// removes them on an error.
func (f *fixture) environmentFolder() (dir string, remove func() error, err error) {
	remove = func() error { return nil }
	if !f.logsIn() && !f.needsTrust() {
		return "", remove, nil
	}
	if dir, err = os.MkdirTemp("", "ocifake-run-"); err != nil {
		return "", remove, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	if f.logsIn() {
		if err := f.writeDockerConfig(dir); err != nil {
			return "", remove, errors.Join(err, remove())
		}
	}
	return dir, remove, nil
}

// withoutProxy returns the proxy exception variables with the hosts of URLs added. Programs read
// either variable, so a missing one is set from the other.
func withoutProxy(lookup func(string) (string, bool), urls ...string) (vars clientenv.Variables) {
	names := []string{"NO_PROXY", "no_proxy"}
	for i, name := range names {
		value, ok := lookup(name)
		if !ok {
			value, _ = lookup(names[1-i])
		}
		for _, text := range urls {
			u, err := url.Parse(text)
			if err != nil || u.Hostname() == "" || value == "*" || slices.Contains(strings.Split(value, ","), u.Hostname()) {
				continue
			}
			value = strings.TrimPrefix(strings.TrimSuffix(value, ",")+","+u.Hostname(), ",")
		}
		vars = append(vars, [2]string{name, value})
	}
	return vars
}
