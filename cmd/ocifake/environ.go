package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// environment returns the environment of a command that is run with the registry,
// and what removes the files that it names.
func (f *fixture) environment() (env []string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "ocifake-run-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	vars := [][2]string{
		{"OCIFAKE_URL", f.server.URL()},
		{"OCIFAKE_HOST", f.server.Host()},
		{"OCIFAKE_CONTROL_URL", f.controlURL()},
		{"OCIFAKE_CONTROL_TOKEN", f.config.control.token},
		{"DOCKER_CONFIG", dir},
	}
	err = f.writeDockerConfig(filepath.Join(dir, "config.json"))
	if f.config.server.TLS {
		bundle := filepath.Join(dir, "ca-bundle.pem")
		for _, name := range bundleVariables {
			vars = append(vars, [2]string{name, bundle})
		}
		err = errors.Join(err, writeBundle(bundle, f.server.Authority().CertPEM()))
	}
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	env = slices.DeleteFunc(os.Environ(), func(of string) bool {
		name, _, _ := strings.Cut(of, "=")
		return slices.ContainsFunc(vars, func(v [2]string) bool { return v[0] == name })
	})
	for _, v := range vars {
		if v[1] != "" {
			env = append(env, v[0]+"="+v[1])
		}
	}
	return env, remove, nil
}

// writeDockerConfig writes the credentials of one user, if there are users, as
// "docker login" leaves them.
func (f *fixture) writeDockerConfig(name string) error {
	type entry struct {
		Auth []byte `json:"auth"` // base64 in JSON, as Docker has it
	}
	auths := map[string]entry{}
	if login := f.config.auth.login; login.user != "" {
		if login.password == "" { // only its hash is known
			login.password = f.auth.Password(login.user, 0)
		}
		auths[f.server.Host()] = entry{[]byte(login.user + ":" + login.password)}
	}
	text, err := json.MarshalIndent(map[string]any{"auths": auths}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

// bundleVariables tell programs which certificates to trust: OpenSSL and Go, curl,
// Python's requests, and Node.js.
var bundleVariables = []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}

// systemBundles are where systems have the certificates that they trust.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/ssl/cert.pem",                  // Alpine, macOS, BSD
}

// writeBundle writes the certificates that are trusted anyway, and one more.
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
