package e2e

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/spec"
)

// kept is what came of the statements on a registry that is not on every machine.
type kept struct {
	Version  string
	Date     string
	Outcomes map[string]spec.Outcome
}

// readKept fails the test if something is missing.
func readKept(t *testing.T, file string) kept {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var k kept
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&k))
	require.True(t, k.Version != "" && k.Date != "" && len(k.Outcomes) > 0, file)
	return k
}

// requireKept compares outcomes with those in a file, which OCIFAKE_UPDATE=1 writes anew.
func requireKept(t *testing.T, file string, outcomes map[string]spec.Outcome) {
	t.Helper()
	if os.Getenv("OCIFAKE_UPDATE") == "1" {
		text, err := yaml.Marshal(kept{Version: zot.Version, Date: time.Now().UTC().Format(time.DateOnly), Outcomes: outcomes})
		require.NoError(t, err)
		about := fmt.Sprintf("# What came of each statement on zot: %s=PATH OCIFAKE_UPDATE=1 go test . -run '^TestSpecPeers$'\n", zot.Variable)
		require.NoError(t, os.WriteFile(file, append([]byte(about), text...), 0o644))
	}
	assert.Equal(t, readKept(t, file).Outcomes, outcomes, "what is kept in %s", file)
}
