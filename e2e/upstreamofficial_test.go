package e2e

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/registrytest"
)

// conformanceVariable is the environment variable that has the path of the conformance program of
// version 1.1.1 of the distribution specification.
const conformanceVariable = "OCIFAKE_CONFORMANCE"

// TestUpstreamConformance111 runs the conformance program of version 1.1.1 against registries, and
// against an ocifake in front of them: each of its tests has the same outcome.
func TestUpstreamConformance111(t *testing.T) {
	program := os.Getenv(conformanceVariable)
	if program == "" {
		t.Skipf("%s is unset: it has the path of the conformance program of version 1.1.1", conformanceVariable)
	}
	for _, p := range peers {
		if !slices.Contains(behind, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			want := conformance111(t, program, p.start(t).URL)
			assert.Contains(t, want, "passed")
			assert.Equal(t, want, conformance111(t, program, registrytest.New(t, registrytest.WithUpstream(p.start(t).URL)).URL()))
		})
	}
}

// conformance111 returns the names of the program's tests by their outcomes.
func conformance111(t *testing.T, program, url string) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"OCI_ROOT_URL="+url, "OCI_NAMESPACE=team/app", "OCI_CROSSMOUNT_NAMESPACE=team/other", "OCI_REPORT_DIR="+dir,
		"OCI_TEST_PULL=1", "OCI_TEST_PUSH=1", "OCI_TEST_CONTENT_DISCOVERY=1", "OCI_TEST_CONTENT_MANAGEMENT=1")
	output, exit := cmd.CombinedOutput() // it fails if a test does
	text, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	require.NoError(t, err, "%v: %s", exit, output)
	var results struct {
		Suites []struct {
			Cases []struct {
				Name   string `xml:"name,attr"`
				Status string `xml:"status,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(text, &results))
	outcomes := map[string][]string{}
	for _, suite := range results.Suites {
		for _, c := range suite.Cases {
			outcomes[c.Status] = append(outcomes[c.Status], c.Name)
		}
	}
	for outcome, names := range outcomes {
		slices.Sort(names)
		t.Logf("%d %s", len(names), outcome)
	}
	return outcomes
}
