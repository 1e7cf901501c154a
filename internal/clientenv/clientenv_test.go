package clientenv_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/clientenv"
	"github.com/ocifake/ocifake/internal/thorough"
)

// authority returns a certificate in PEM form.
func authority(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Date(2084, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}
}

// TestTrust: programs trust the authority besides those of the system, or of the user's file.
func TestTrust(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b")
	require.NoError(t, os.Mkdir(dir, 0o700))
	system, own := authority(t, "system"), authority(t, "own")
	file := filepath.Join(dir, "system.pem")
	require.NoError(t, os.WriteFile(file, append([]byte("# a comment\n"), append(system, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"...)...), 0o600))
	vars, err := clientenv.Trust(dir, own, env(map[string]string{"SSL_CERT_FILE": file, "JAVA_TOOL_OPTIONS": "-Dx=y"}))
	require.NoError(t, err)
	all := map[string]string{}
	for _, v := range vars {
		all[v[0]] = v[1]
	}
	for _, name := range []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"} {
		text, err := os.ReadFile(all[name])
		require.NoError(t, err, name)
		assert.Contains(t, string(text), string(system), name)
		assert.Contains(t, string(text), string(own), name)
	}
	options := all["JAVA_TOOL_OPTIONS"]
	assert.True(t, strings.HasPrefix(options, `-Dx=y "-Djavax.net.ssl.trustStore=`+dir), options)

	_, err = clientenv.Trust(dir, own, env(map[string]string{"SSL_CERT_FILE": filepath.Join(dir, "gone")}))
	require.NoError(t, err)
	_, err = clientenv.Trust(filepath.Join(dir, "gone"), own, env(nil))
	require.Error(t, err)

	_, err = clientenv.Trust(dir, own, env(map[string]string{"SSL_CERT_FILE": file}))
	require.NoError(t, err)
	store, err := os.ReadFile(filepath.Join(dir, "ca-bundle.jks"))
	require.NoError(t, err)
	assert.Equal(t, "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x02", string(store[:12]), "version 2, two certificates")
	for _, certificate := range [][]byte{system, own} {
		block, _ := pem.Decode(certificate)
		assert.True(t, bytes.Contains(store, block.Bytes))
	}
	keytool, err := exec.LookPath("keytool")
	if err != nil || !thorough.Enabled() {
		return // keytool takes a second
	}
	out, err := exec.CommandContext(t.Context(), keytool, "-list", "-v", "-keystore", filepath.Join(dir, "ca-bundle.jks"), "-storepass", "changeit").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "CN=system")
	assert.Contains(t, string(out), "CN=own")
	assert.Contains(t, string(out), "2 entries")
}

// TestProxy: the proxy replaces those of the environment, and all exceptions.
func TestProxy(t *testing.T) {
	before := []string{"HTTP_PROXY=http://corp:1", "no_proxy=ghcr.io", "ALL_PROXY=socks5://x", "HOME=/h", "NO_PROXY=*"}
	lookup := func(name string) (string, bool) {
		for _, of := range before {
			if value, ok := strings.CutPrefix(of, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
	vars := clientenv.Proxy(&url.URL{Scheme: "http", Host: "127.0.0.1:5000"}, lookup)
	after := vars.Set(before)
	for _, want := range []string{
		"HOME=/h", "HTTP_PROXY=http://127.0.0.1:5000", "http_proxy=http://127.0.0.1:5000", "HTTPS_PROXY=http://127.0.0.1:5000", "https_proxy=http://127.0.0.1:5000",
		"NO_PROXY=localhost,127.0.0.1,::1", "no_proxy=localhost,127.0.0.1,::1",
	} {
		assert.Contains(t, after, want)
	}
	text := strings.Join(after, "\n")
	assert.NotContains(t, text, "ALL_PROXY")
	assert.NotContains(t, text, "corp")
	assert.Contains(t, text, "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=5000")

	value, ok := vars.Lookup(lookup)("HTTP_PROXY")
	assert.True(t, ok)
	assert.Equal(t, "http://127.0.0.1:5000", value)
	_, ok = vars.Lookup(lookup)("ALL_PROXY")
	assert.False(t, ok, "it is removed")
	value, _ = vars.Lookup(lookup)("HOME")
	assert.Equal(t, "/h", value)
	assert.Equal(t, []string{"A=2"}, clientenv.Variables{{"A", "1"}, {"A", "2"}}.Set([]string{"A=0"}))
}
