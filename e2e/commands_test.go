package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ocifake/ocifake/registrytest"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// run runs one of the commands under test, in the session's home directory or in
// one of its own, and returns what it printed.
func (s *session) run(name string, args ...string) (string, error) {
	home := s.home
	if home == "" {
		home = s.newHome()
	}
	cmd := exec.CommandContext(s.t.Context(), tool(s.t, name), args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home,
		"HELM_REGISTRY_CONFIG="+filepath.Join(home, dockerConfig), "REGCTL_CONFIG="+filepath.Join(home, regctlConfig))
	if s.tls() {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+s.ca)
	}
	return output(cmd)
}

const (
	dockerConfig = "config.json"
	regctlConfig = "regctl.json"
)

// newHome makes a home directory whose owner has logged in elsewhere. Without that,
// clients would keep logins in the keychain of whoever runs the test.
func (s *session) newHome() string {
	home := s.t.TempDir()
	elsewhere := registrytest.Credentials{Host: "elsewhere.test", Username: "somebody", Password: "secret"}
	text, err := os.ReadFile(filepath.Join(elsewhere.DockerConfig(s.t), dockerConfig))
	require.NoError(s.t, err)
	for name, text := range map[string]string{dockerConfig: string(text), regctlConfig: s.regctlConfig()} {
		require.NoError(s.t, os.WriteFile(filepath.Join(home, name), []byte(text), 0o600))
	}
	return home
}

// do is run for commands that print nothing of interest.
func (s *session) do(name string, args ...string) error {
	_, err := s.run(name, args...)
	return err
}

// file makes a file and returns its path.
func (s *session) file(name, text string) string {
	path := filepath.Join(s.t.TempDir(), name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// fields reads a list that a command printed.
func fields(out string, err error) ([]string, error) {
	return strings.Fields(out), err
}

// parsed reads a digest that a command printed.
func parsed(out string, err error) (digest.Digest, error) {
	if err != nil {
		return "", err
	}
	return digest.Parse(out)
}
