package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// run runs one of the commands under test, in a home directory of its own, and
// returns what it printed.
func (s *session) run(name string, args ...string) (string, error) {
	home := s.t.TempDir()
	cmd := exec.CommandContext(s.t.Context(), tool(s.t, name), args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "REGCTL_CONFIG="+s.file("regctl.json", s.regctlConfig()))
	if s.tls() {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+s.ca)
	}
	return output(cmd)
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
