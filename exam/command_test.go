//go:build unix

package exam_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
)

// testClient returns the command of the client, after other commands of a shell.
func testClient(t *testing.T, before string) exam.Command {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return exam.Command{"sh", "-c", before + "\n" + clientVariable + "=1 exec '" + self + "'"}
}

// TestExamine examines a command that waits for ever if a body stops.
func TestExamine(t *testing.T) {
	var shown []string
	card, err := exam.Examine(t.Context(), exam.Client{Name: "getter", Run: testClient(t, "").Run},
		exam.Only("sweep"), exam.All(), exam.WithEffects(effects("404", "stall", "truncate")...), exam.WithIdleLimit(time.Second),
		exam.WithProgress(func(r exam.TrialResult) { shown = append(shown, r.ID()) }))
	require.NoError(t, err)
	verdicts := map[string]exam.Verdict{}
	for _, r := range card.Trials {
		_, name, _ := strings.Cut(r.Name, "/app:v1/")
		verdicts[name] = r.Verdict
		assert.Contains(t, r.Journal, "manifest.get", r.ID())
		if strings.HasPrefix(name, "404") {
			assert.Contains(t, r.Output, "404 Not Found")
		}
	}
	assert.Equal(t, map[string]exam.Verdict{
		"": "passed", "404/once": "failed cleanly", "404/forever": "failed cleanly", "stall/once": "hung", "stall/forever": "hung",
		"truncate/once": "passed", "truncate/forever": "passed", // nothing looks at what it prints
	}, verdicts)
	assert.Len(t, shown, len(card.Trials))
}

// TestCommandEnds checks that what a command leaves running is ended, and its directory removed.
func TestCommandEnds(t *testing.T) {
	dir := t.TempDir()
	client := exam.Client{Run: testClient(t, `sleep 1000 & echo $! >>`+dir+`/pids; echo "$OCIFAKE_DIR" >>`+dir+`/dirs`).Run}
	_, err := exam.Examine(t.Context(), client, exam.Only("none"))
	require.NoError(t, err)
	for _, name := range []string{"pids", "dirs"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		lines := strings.Fields(string(text))
		assert.Len(t, lines, 2, "two runs")
		for _, line := range lines {
			if name == "dirs" {
				assert.NoDirExists(t, line)
			} else {
				assert.Eventually(t, func() bool { return ended(line) }, time.Minute, 10*time.Millisecond, "process %s", line)
			}
		}
	}
}

// ended reports whether a process has ended. One that nobody has waited for has ended, too.
func ended(pid string) bool {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return true // or there is no /proc
	}
	return strings.Contains(string(text), ") Z ")
}

// TestExamineTLS checks that a command trusts the certificate of a registry with TLS: it has a
// plain run there, so that the fault does not apply for another reason.
func TestExamineTLS(t *testing.T) {
	card, err := exam.Examine(t.Context(), exam.Client{Run: testClient(t, "").Run}, exam.Only("faults/location-http"))
	require.NoError(t, err)
	require.Len(t, card.Trials, 2)
	assert.Equal(t, "the client sends no request that the fault concerns", card.Trials[1].Reason)
}

// TestExamineInterrupted checks that an exam ends with its context.
func TestExamineInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := exam.Client{Run: testClient(t, "").Run}
	card, err := exam.Examine(ctx, client, exam.Only("traits", "profiles"), exam.WithProgress(func(exam.TrialResult) { cancel() }))
	require.ErrorContains(t, err, "context canceled")
	assert.NotEmpty(t, card.Trials)
}

// TestCommandFails checks the messages for commands that cannot be examined.
func TestCommandFails(t *testing.T) {
	for _, test := range []struct {
		command exam.Command
		want    string
	}{
		{nil, "the command is empty"},
		{exam.Command{"/nonexistent/client"}, "no such file"},
		{exam.Command{"sh", "-c", "echo not today; exit 3"}, "exit status 3"},
		{exam.Command{"true"}, "the client sent no request to the registry"},
	} {
		_, err := exam.Examine(t.Context(), exam.Client{Pull: test.command.Run})
		require.ErrorContains(t, err, test.want)
	}
	_, err := exam.Examine(t.Context(), exam.Client{})
	require.ErrorContains(t, err, "the client has no action")
}
