package main

import (
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLaunched takes all figures of ocifake, built as any program.
func TestLaunched(t *testing.T) {
	b := builder{dir: t.TempDir()}
	ours := b.subject(programs[0])
	for name, figure := range map[string]func(*launch) float64{
		"ready":    func(l *launch) float64 { return l.ready },
		"cpu":      func(l *launch) float64 { return l.cpu },
		"resident": func(l *launch) float64 { return l.resident },
		"size":     func(l *launch) float64 { return l.size },
	} {
		t.Run(name, func(t *testing.T) {
			pairs, err := launched(b.subject(bare), figure)(ours, times(2))
			if name == "resident" && runtime.GOOS != "linux" {
				require.ErrorIs(t, err, errNotTold)
				return
			}
			require.NoError(t, err)
			require.Len(t, pairs, 2)
			for _, p := range pairs {
				assert.Positive(t, p.base)
				assert.Positive(t, p.subject)
			}
		})
	}
	running, err := ours.start()
	require.NoError(t, err)
	require.NoError(t, newClient(running).ping(t.Context()))
	require.NoError(t, running.close())
	_, err = net.Dial("tcp", strings.TrimPrefix(running.url, "http://"))
	assert.Error(t, err, "it has ended")
}

func TestLaunchFails(t *testing.T) {
	b := builder{dir: t.TempDir()}
	wrong := programs[0]
	wrong.args = []string{"no-such-command"}
	_, err := b.subject(wrong).start()
	assert.ErrorContains(t, err, "ocifake no-such-command: exit status 2: it has ended")

	wrong.main = "./cmd/no-such-program"
	_, err = b.subject(wrong).start()
	assert.ErrorContains(t, err, "no-such-program")
	_, err = launched(b.subject(bare), func(l *launch) float64 { return l.ready })(b.subject(wrong), times(1))
	assert.ErrorContains(t, err, "start ocifake: ")
}

// TestCommand fills in what differs from one start to the next.
func TestCommand(t *testing.T) {
	cmds := map[string]string{}
	for _, p := range programs {
		cmd, err := p.command("/bin/x", "/tmp/d", "127.0.0.1:5001")
		require.NoError(t, err)
		cmds[p.name] = strings.Join(cmd.Args[1:], " ")
	}
	assert.Equal(t, map[string]string{
		"ocifake":        "serve --addr 127.0.0.1:5001",
		"crane registry": "registry serve --address 127.0.0.1:5001",
		"olareg":         "serve --store-type mem --addr 127.0.0.1 --port 5001",
		"distribution":   "serve /tmp/d/" + distributionFile,
	}, cmds)
	cmd, err := programs[3].command("/bin/x", "/tmp/d", "127.0.0.1:5001")
	require.NoError(t, err)
	assert.Contains(t, cmd.Env, "REGISTRY_HTTP_ADDR=127.0.0.1:5001")
	assert.Subset(t, cmd.Env, os.Environ())
}
