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

// run runs a command under test in the home directory of the session or in its own directory, and
// returns its output.
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

// newHome creates a home directory with a login to another registry. Otherwise, clients would store
// logins in the keychain of the developer.
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

// do runs a command whose output is not needed.
func (s *session) do(name string, args ...string) error {
	_, err := s.run(name, args...)
	return err
}

// file creates a file and returns its path.
func (s *session) file(name, text string) string {
	path := filepath.Join(s.t.TempDir(), name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// fields splits a list in the output of a command.
func fields(out string, err error) ([]string, error) {
	return strings.Fields(out), err
}

// parsed parses a digest in the output of a command.
func parsed(out string, err error) (digest.Digest, error) {
	if err != nil {
		return "", err
	}
	return digest.Parse(out)
}
