// Package clientenv makes environments in which programs trust a certificate authority, use a
// proxy and have credentials in Docker's config.json. It changes nothing outside of the environment
// and a directory of the caller's.
package clientenv

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Variables are environment variables, each a name and a value. An empty value removes the variable.
type Variables [][2]string

// bundleNames are the variables for a file of CA certificates: of OpenSSL and Go, curl, Python's
// requests, git and cargo; and of Node.js, which adds them to its own.
var bundleNames = []string{
	"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO", "NODE_EXTRA_CA_CERTS",
}

// specialNames are variables that some programs prefer to those. They are replaced where they are set.
var specialNames = []string{
	"AWS_CA_BUNDLE", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "DENO_CERT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "HTTPLIB2_CA_CERTS", "NIX_SSL_CERT_FILE", "PIP_CERT",
}

// Files that Trust writes.
const (
	bundleFile = "ca-bundle.pem"
	javaFile   = "ca-bundle.jks"
)

// javaOptions is the variable with options of every Java virtual machine.
const javaOptions = "JAVA_TOOL_OPTIONS"

// Trust writes the CA certificates of the system and another one, in PEM form, to files in a
// directory, and returns the variables that make programs trust them. lookup returns variables of
// the present environment, as [os.LookupEnv] does: SSL_CERT_FILE replaces the certificates of the
// system.
func Trust(dir string, authority []byte, lookup func(string) (string, bool)) (Variables, error) {
	own, _ := lookup("SSL_CERT_FILE")
	system, err := systemCertificates(own)
	if err != nil {
		return nil, err
	}
	bundle := filepath.Join(dir, bundleFile)
	if err := os.WriteFile(bundle, slices.Concat(system, []byte("\n"), authority), 0o644); err != nil {
		return nil, err
	}
	var vars Variables
	for _, name := range bundleNames {
		vars = append(vars, [2]string{name, bundle})
	}
	for _, name := range specialNames {
		if _, set := lookup(name); set {
			vars = append(vars, [2]string{name, bundle})
		}
	}
	store := filepath.Join(dir, javaFile)
	if err := os.WriteFile(store, trustStore(certificatesIn(slices.Concat(system, []byte("\n"), authority)), time.Now()), 0o644); err != nil {
		return nil, err
	}
	return append(vars, [2]string{javaOptions, join(lookup,
		"-Djavax.net.ssl.trustStore="+store, "-Djavax.net.ssl.trustStoreType=jks", "-Djavax.net.ssl.trustStorePassword="+storePassword)}), nil
}

// join returns the options of Java in the environment with others added.
func join(lookup func(string) (string, bool), options ...string) string {
	before, _ := lookup(javaOptions)
	for i, option := range options {
		if strings.ContainsAny(option, " \t") {
			options[i] = `"` + option + `"`
		}
	}
	return strings.TrimSpace(before + " " + strings.Join(options, " "))
}

// systemFiles are the paths of the system's CA certificates.
var systemFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/ssl/cert.pem",                  // Alpine, macOS, BSD
}

// systemCertificates returns the content of a file, or of the first of systemFiles that exists.
func systemCertificates(own string) ([]byte, error) {
	files := systemFiles
	if own != "" {
		files = []string{own}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, nil
}

// certificatesIn returns the certificates in a PEM text, in DER form, without those that are
// malformed.
func certificatesIn(text []byte) (all [][]byte) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return all
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			all = append(all, block.Bytes)
		}
	}
}

// Proxy returns the variables that make programs use a proxy for every host except this machine,
// whatever the present environment says. They replace its proxies and its exceptions: a program that
// did not use the proxy would reach the real host.
func Proxy(proxy *url.URL, lookup func(string) (string, bool)) Variables {
	const except = "localhost,127.0.0.1,::1"
	var vars Variables
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		value := proxy.String()
		switch name {
		case "ALL_PROXY":
			value = ""
		case "NO_PROXY":
			value = except
		}
		for _, name := range []string{name, strings.ToLower(name)} {
			vars = append(vars, [2]string{name, value})
		}
	}
	vars = append(vars, [2]string{"NODE_USE_ENV_PROXY", "1"}) // of Node.js 24 and later
	var options []string
	for _, scheme := range []string{"http", "https"} {
		options = append(options, fmt.Sprintf("-D%s.proxyHost=%s", scheme, proxy.Hostname()), fmt.Sprintf("-D%s.proxyPort=%s", scheme, proxy.Port()))
	}
	options = append(options, "-Dhttp.nonProxyHosts=localhost|127.*|[::1]")
	return append(vars, [2]string{javaOptions, join(lookup, options...)})
}

// Lookup returns a function that looks up variables in v, and those that are not in v with another
// function.
func (v Variables) Lookup(otherwise func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := len(v) - 1; i >= 0; i-- {
			if v[i][0] == name {
				return v[i][1], v[i][1] != ""
			}
		}
		return otherwise(name)
	}
}

// Set sets the variables in an environment, which is a list of NAME=VALUE. Of several with the same
// name, the last one counts.
func (v Variables) Set(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(of string) bool {
		name, _, _ := strings.Cut(of, "=")
		return slices.ContainsFunc(v, func(one [2]string) bool { return one[0] == name })
	})
	for i, one := range v {
		later := slices.ContainsFunc(v[i+1:], func(other [2]string) bool { return other[0] == one[0] })
		if one[1] != "" && !later {
			env = append(env, one[0]+"="+one[1])
		}
	}
	return env
}
