package clients

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/record"
)

// judgement is what lint finds in the requests of a client: the rules of each severity.
type judgement map[string][]string

// add judges a file of requests. Waste depends on how requests meet, so it is logged only.
func (j judgement) add(t *testing.T, file string) {
	t.Helper()
	in, err := os.Open(file)
	require.NoError(t, err)
	defer in.Close()
	log, err := record.ReadJSONL(in)
	require.NoError(t, err)
	report := lint.Check(log)
	for _, f := range report.Findings {
		if strings.HasPrefix(f.Client, "curl/") {
			continue // the script's own
		}
		t.Logf("%s: %s", f.Client, f)
		if severity := f.Severity.String(); f.Severity != lint.Waste && !slices.Contains(j[severity], f.Rule) {
			j[severity] = append(j[severity], f.Rule)
			slices.Sort(j[severity])
		}
	}
	for _, u := range report.Unjudged {
		t.Logf("not judged: %s: %s", u.Rule, u.Reason)
	}
	if keep := os.Getenv("OCIFAKE_KEEP_REQUESTS"); keep != "" {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(keep, filepath.Base(file)), text, 0o600))
	}
}
