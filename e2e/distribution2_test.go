package e2e

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/spec"
)

// shipped2 is the configuration of Docker's image registry:2.8.3, with its storage in a
// temporary directory.
const shipped2 = `
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem: {}
http:
  headers:
    X-Content-Type-Options: [nosniff]
`

// distribution2 starts CNCF distribution 2.8 until the test ends. Its packages cannot be linked
// with those of distribution 3, so it is a program of the module peers/distribution2. Without a
// configuration everything is enabled.
func distribution2(t *testing.T, config string) spec.Target {
	t.Helper()
	path := program(t, "distribution2", func() (string, error) {
		path := filepath.Join(programs.dir, "distribution2")
		_, err := goCommand("-C", filepath.Join("peers", "distribution2"), "build", "-o", path, ".")
		return path, err
	})
	var flags []string
	if config != "" {
		file := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
		flags = []string{"-config", file}
	}
	cmd := exec.Command(path, flags...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		assert.NoError(t, cmd.Process.Signal(os.Interrupt))
		assert.NoError(t, cmd.Wait())
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "distribution2 did not become ready")
	return spec.Target{URL: strings.TrimSpace(line), Client: http.DefaultClient}
}
