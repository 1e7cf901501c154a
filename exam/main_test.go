package exam_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/internal/testmain"
)

func TestMain(m *testing.M) {
	if os.Getenv(clientVariable) != "" {
		os.Exit(clientMain())
	}
	testmain.Run(m)
}

// requireGolden compares a text with a file in testdata, or writes the file if
// OCIFAKE_UPDATE is set.
func requireGolden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("OCIFAKE_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

func TestSweepNil(t *testing.T) {
	assert.PanicsWithValue(t, "exam: Sweep: t is nil: Sweep needs a test, because each cell is a subtest", func() {
		exam.Sweep(nil, exam.Scenario{})
	})
}

// TestKinds checks the table of kinds in the guide.
func TestKinds(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "docs", "guides", "sweep.md"))
	require.NoError(t, err)
	assert.True(t, strings.Contains(string(guide), strings.Join(exam.KindRows(), "\n")), "want in %s:\n%s", "docs/guides/sweep.md", strings.Join(exam.KindRows(), "\n"))
}
