//go:build linux

package image

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// container is as much of a container as a test can make: its processes have the files
// and the environment of an image only. If the tests are root's, they are its user's.
type container struct {
	root, user string
	env        []string
	entrypoint []string
}

func (c container) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.entrypoint[0], append(c.entrypoint[1:], args...)...)
	cmd.Env = append([]string{}, c.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if os.Geteuid() != 0 {
		cmd.Path = filepath.Join(c.root, cmd.Path)
		return cmd
	}
	id, err := strconv.ParseUint(c.user, 10, 32) // Kubernetes cannot tell whether a name is root's
	require.NoError(t, err)
	require.NoError(t, os.Chmod(c.root, 0o755))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}}
	return cmd
}

func (c container) printsVersion(t *testing.T) {
	t.Helper()
	out, err := c.command(t, "version").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, `^ocifake \S+\ncommit \S+.*\ngo\S+ linux/\w+\n$`, string(out))
}

// start runs the registry until the test ends, and returns its URL.
func (c container) start(t *testing.T, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := c.command(t, args...)
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), cmd)
	t.Cleanup(func() { // its context has ended
		if err := cmd.Wait(); !cmd.ProcessState.Success() {
			t.Errorf("%s: %v\n%s", cmd, err, &stderr)
		}
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "it did not become ready")
	return strings.TrimSpace(url)
}

// get asks for a URL, and wants a status.
func get(t *testing.T, url string, status int) string {
	t.Helper()
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, status, res.StatusCode, "%s: %s", url, body)
	return string(body)
}
