package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExitStatus(t *testing.T) {
	stopped, stop := context.WithCancelCause(t.Context())
	stop(&signaled{syscall.SIGTERM})
	tar := filepath.Join(t.TempDir(), "layout.tar")
	require.NoError(t, os.WriteFile(tar, make([]byte, 1024), 0o600))
	for _, test := range []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"--help"}, 0},
		{"version", []string{"version"}, 0},
		{"stopped", []string{"serve", "--addr", ":0"}, 0},
		{"stopped while loading", []string{"serve", "--addr", ":0", "--load", tar}, 0},
		{"stopped before the command is run", []string{"run", "--", "true"}, 143},
		{"stopped while loading, before the command is run", []string{"run", "--load", tar, "--", "true"}, 143},
		{"not loaded", []string{"serve", "--load", "nowhere"}, 1},
		{"unknown command", []string{"srve"}, 2},
		{"unknown flag", []string{"serve", "--adr", ":0"}, 2},
		{"bad value", []string{"serve", "--page-size", "many"}, 2},
		{"bad combination", []string{"serve", "--h2c", "--tls"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, test.want, run(stopped, test.args, &stdout, &stderr), stderr.String())
			if test.want != 0 {
				assert.Contains(t, stderr.String(), "ocifake")
				assert.Empty(t, stdout.String())
			}
		})
	}
}

// A file that is read and is wrong is told from an expectation that does not hold.
func TestExitStatusOfWrongFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("broken", []byte("{"), 0o600))
	for _, args := range [][]string{
		{"run", "--load", "nowhere"}, {"run", "--addr", "192.0.2.1:1"}, // no address of this machine
		{"run", "--faults", "nowhere"}, {"run", "--faults", "broken"}, {"run", "--faults", "known:nothing"},
		{"run", "--htpasswd", "nowhere"}, {"run", "--token-auth", "broken"}, {"run", "--tls", "--client-ca", "broken"},
		{"run", "--config", "nowhere"}, {"run", "--expect", "nowhere"},
		{"serve", "--faults", "nowhere"}, {"serve", "--htpasswd", "nowhere"}, {"serve", "--token-auth", "broken"},
	} {
		var stdout, stderr bytes.Buffer
		flags := append([]string{args[0], "--har", "r.har"}, args[1:]...)
		if args[0] == "run" {
			flags = append(flags, "--", "echo", "it is run")
		}
		assert.Equal(t, 2, run(t.Context(), flags, &stdout, &stderr), "%v: %s", args, &stderr)
		assert.NotContains(t, stdout.String(), "it is run")
		assert.NotEmpty(t, stderr.String())
		assert.NoFileExists(t, "r.har")
	}
}

func TestListenAddress(t *testing.T) {
	for _, test := range []struct {
		addr, want string
		exposed    bool
	}{
		{":5000", "127.0.0.1:5000", false},
		{":0", "127.0.0.1:0", false},
		{"127.0.0.1:5000", "127.0.0.1:5000", false},
		{"localhost:5000", "localhost:5000", false},
		{"[::1]:5000", "[::1]:5000", false},
		{"0.0.0.0:5000", "0.0.0.0:5000", true},
		{"[::]:5000", "[::]:5000", true},
		{"192.0.2.1:5000", "192.0.2.1:5000", true},
		{"example.test:5000", "example.test:5000", true},
	} {
		got, err := listenAddress("--addr", test.addr)
		require.NoError(t, err, test.addr)
		assert.Equal(t, test.want, got)
		assert.Equal(t, test.exposed, isExposed(got), got)
	}
	for _, addr := range []string{"", "5000", "localhost", "::1:5000", ":http", ":65536", ":-1", "localhost:"} {
		_, err := listenAddress("--addr", addr)
		assert.ErrorContains(t, err, "--addr", addr)
	}
}

func TestExplainListen(t *testing.T) {
	taken := os.NewSyscallError("bind", syscall.EADDRINUSE)
	err := explainListen("--addr", "127.0.0.1:5000", taken)
	assert.ErrorIs(t, err, taken)
	assert.ErrorContains(t, err, "AirPlay")
	assert.ErrorContains(t, err, "--addr 127.0.0.1:0")
	assert.NotContains(t, explainListen("--addr", "127.0.0.1:5001", taken).Error(), "AirPlay")
	assert.ErrorContains(t, explainListen("--addr", "127.0.0.1:80", errors.New("permission denied")), "--addr")
}

func TestPrintVersion(t *testing.T) {
	platform := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for _, test := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"unknown", debug.BuildInfo{}, "ocifake (devel)\ncommit unknown\n"},
		{"installed", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "ocifake v1.2.3\ncommit unknown\n"},
		{"built", debug.BuildInfo{Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.modified", Value: "false"},
		}}, "ocifake (devel)\ncommit 0123abcd\n"},
		{"modified", debug.BuildInfo{Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.modified", Value: "true"},
		}}, "ocifake (devel)\ncommit 0123abcd (modified)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, printVersion(&out, &test.info))
			assert.Equal(t, test.want+platform, out.String())
		})
	}
}
