// Package zot starts the registry zot, for tests.
//
// zot is not linked and not built here: the environment variable OCIFAKE_ZOT has the path of its
// binary. Tests skip without it.
package zot

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// Variable is the environment variable that has the path of zot's binary.
const Variable = "OCIFAKE_ZOT"

// Version is the version of zot that profiles and recordings are of.
const Version = "v2.1.20"

// Options configure zot. The zero value is zot's own minimal configuration: plain HTTP, and everyone
// may do everything.
type Options struct {
	TLS     bool
	Users   map[string]string // passwords by name; zot asks for them
	HTTP    map[string]any    // further fields of "http", such as "compat" and "accessControl"
	Storage map[string]any    // further fields of "storage", such as "gc" and "dedupe"
}

// Registry is a zot that runs until its test ends.
type Registry struct {
	URL    string
	Host   string       // of URL, with its port
	Client *http.Client // trusts the certificate, and sends no credentials
	CAFile string       // the certificate, with [Options.TLS]
	CAs    *x509.CertPool

	stop func()
}

// Close ends zot before its test does.
func (r *Registry) Close() { r.stop() }

// Path returns the path of the binary. It skips the test if [Variable] is unset.
func Path(t *testing.T) string {
	t.Helper()
	path := os.Getenv(Variable)
	if path == "" {
		t.Skipf("%s is unset: it has the path of a binary of zot %s", Variable, Version)
	}
	return path
}

// Start starts zot on a free port of 127.0.0.1, with its content in a temporary directory. It
// returns when zot listens. It skips the test if [Variable] is unset.
func Start(t *testing.T, o Options) *Registry {
	t.Helper()
	path := Path(t)
	dir := t.TempDir()
	transport := &http.Transport{}
	r := &Registry{URL: "http://", Client: &http.Client{Transport: transport}}
	web := map[string]any{"address": "127.0.0.1", "port": "0"}
	maps.Copy(web, o.HTTP)
	if o.TLS {
		r.URL, r.CAFile = "https://", filepath.Join(dir, "cert.pem")
		key := filepath.Join(dir, "key.pem")
		r.CAs = certify(t, r.CAFile, key)
		transport.TLSClientConfig = &tls.Config{RootCAs: r.CAs}
		transport.ForceAttemptHTTP2 = true
		web["tls"] = map[string]any{"cert": r.CAFile, "key": key}
	}
	if o.Users != nil {
		web["auth"] = withUsers(t, web["auth"], filepath.Join(dir, "htpasswd"), o.Users)
	}
	storage := map[string]any{"rootDirectory": filepath.Join(dir, "storage")}
	maps.Copy(storage, o.Storage)
	config, err := json.Marshal(map[string]any{
		"distSpecVersion": "1.1.1", "storage": storage, "http": web, "log": map[string]any{"level": "info"},
	})
	require.NoError(t, err)
	file := filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(file, config, 0o600))

	port, end := run(t, exec.Command(path, "serve", file))
	r.stop = sync.OnceFunc(func() {
		transport.CloseIdleConnections() // zot waits for them
		end()
	})
	t.Cleanup(r.stop)
	r.Host = fmt.Sprintf("127.0.0.1:%d", port)
	r.URL += r.Host
	return r
}

// run starts the command, and returns the port that its log names, and what ends the command.
func run(t *testing.T, cmd *exec.Cmd) (port int, end func()) {
	t.Helper()
	var log bytes.Buffer
	reader, writer := io.Pipe()
	output := io.MultiWriter(&log, writer)
	cmd.Stdout, cmd.Stderr = output, output // equal: exec writes one after another
	require.NoError(t, cmd.Start())
	ports := make(chan int, 1)
	go func() {
		defer close(ports)
		lines := bufio.NewReader(reader)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			var entry struct{ Port int } // only the entry about the listener has a port that is a number
			if json.Unmarshal(line, &entry) == nil && entry.Port > 0 {
				ports <- entry.Port
				break
			}
		}
		_, _ = io.Copy(io.Discard, reader)
	}()
	exit := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = writer.Close()
		exit <- err
	}()
	end = func() {
		assert.NoError(t, cmd.Process.Signal(os.Interrupt))
		assert.NoError(t, <-exit, "zot")
		if t.Failed() {
			t.Logf("log of zot:\n%s", log.Bytes())
		}
	}
	port, ok := <-ports
	if !ok {
		end()
		require.FailNow(t, "zot did not become ready")
	}
	return port, end
}

// withUsers returns the configuration of authentication with a file of users.
func withUsers(t *testing.T, settings any, file string, users map[string]string) map[string]any {
	t.Helper()
	var text bytes.Buffer
	for name, password := range users {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		require.NoError(t, err)
		fmt.Fprintf(&text, "%s:%s\n", name, hash)
	}
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o600))
	with := map[string]any{"htpasswd": map[string]any{"path": file}}
	if settings, ok := settings.(map[string]any); ok {
		maps.Copy(with, settings)
	}
	return with
}

// certify writes a certificate for 127.0.0.1 and its key, and returns a pool with it.
func certify(t *testing.T, certificate, key string) *x509.CertPool {
	t.Helper()
	cert, keyPEM := selfSigned(t)
	require.NoError(t, os.WriteFile(certificate, cert, 0o600))
	require.NoError(t, os.WriteFile(key, keyPEM, 0o600))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(cert))
	return pool
}
