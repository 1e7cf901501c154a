package main

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// environment returns the environment of the command that runs with the registry, and a function
// that removes its files.
func (f *fixture) environment() (env []string, remove func() error, err error) {
	vars := [][2]string{
		{"OCIFAKE_URL", f.server.URL()},
		{"OCIFAKE_HOST", f.server.Host()},
		{"OCIFAKE_CONTROL_URL", f.controlURL()},
		{"OCIFAKE_CONTROL_TOKEN", f.config.control.token},
	}
	vars = append(vars, withoutProxy(os.LookupEnv, f.server.URL(), f.controlURL())...)
	dir, remove, err := f.environmentFolder()
	if err != nil {
		return nil, remove, err
	}
	if f.config.auth.login.user != "" {
		vars = append(vars, [2]string{dockerConfig, dir})
	}
	if f.config.server.TLS {
		bundle := filepath.Join(dir, "ca-bundle.pem")
		for _, name := range bundleVariables {
			vars = append(vars, [2]string{name, bundle})
		}
	}
	return setVariables(os.Environ(), vars), remove, nil
}

// environmentFolder creates the directory of the files in the environment, if there are any. It
// removes them on an error.
func (f *fixture) environmentFolder() (dir string, remove func() error, err error) {
	remove = func() error { return nil }
	logs := f.config.auth.login.user != ""
	if !logs && !f.config.server.TLS {
		return "", remove, nil
	}
	if dir, err = os.MkdirTemp("", "ocifake-run-"); err != nil {
		return "", remove, err
	}
	if logs {
		err = f.writeDockerConfig(dir)
	}
	if f.config.server.TLS {
		err = errors.Join(err, writeBundle(filepath.Join(dir, "ca-bundle.pem"), f.server.Authority().CertPEM()))
	}
	if err != nil {
		return "", remove, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// setVariables sets variables in an environment, and removes empty ones.
func setVariables(env []string, vars [][2]string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(of string) bool {
		name, _, _ := strings.Cut(of, "=")
		return slices.ContainsFunc(vars, func(v [2]string) bool { return v[0] == name })
	})
	for _, v := range vars {
		if v[1] != "" {
			env = append(env, v[0]+"="+v[1])
		}
	}
	return env
}

// withoutProxy returns the proxy exception variables with the hosts of URLs added. Programs read
// either variable, so a missing one is set from the other.
func withoutProxy(lookup func(string) (string, bool), urls ...string) (vars [][2]string) {
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

// bundleVariables are the environment variables for CA certificates: of OpenSSL and Go, curl,
// Python's requests, and Node.js.
var bundleVariables = []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}

// systemBundles are the paths of the system's CA certificates.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/ssl/cert.pem",                  // Alpine, macOS, BSD
}

// writeBundle writes the system's CA certificates and another one.
func writeBundle(name string, certificate []byte) error {
	bundles := systemBundles
	if own := os.Getenv("SSL_CERT_FILE"); own != "" {
		bundles = []string{own}
	}
	for _, bundle := range bundles {
		text, err := os.ReadFile(bundle)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		return os.WriteFile(name, slices.Concat(text, []byte("\n"), certificate), 0o644)
	}
	return os.WriteFile(name, certificate, 0o644)
}
