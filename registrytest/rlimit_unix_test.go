//go:build unix

package registrytest_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFewFiles is TestThousandAtOnce in a process that may open 256 files.
func TestFewFiles(t *testing.T) {
	const inChild = "REGISTRYTEST_FEW_FILES"
	if os.Getenv(inChild) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFewFiles$")
		child.Env = append(os.Environ(), inChild+"=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	limit := syscall.Rlimit{Cur: 256, Max: 256}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			require.ErrorIs(t, err, syscall.EMFILE)
			break
		}
		files = append(files, f)
		require.Less(t, len(files), 256)
	}
	for _, f := range files {
		require.NoError(t, f.Close())
	}
	aliveAtOnce(t)
}
