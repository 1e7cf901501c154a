package spec_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// skipped are the outcomes that a fixture may have beside passing: features and
// statements.
var (
	skippedByAll = []string{"warning", "warning-form"}
	skipped      = map[string][]string{
		"basic":  {},
		"bearer": {"anonymous mount", "code-8"},
		"least": {
			"http-401-challenge", "credentials-wrong", "delete blob", "delete manifest", "delete tag", "referrers", "mount", "anonymous mount",
			"single POST", "catalog", "refusal of missing references", "manifest-missing-references-code",
		},
	}
)

// TestFixtures checks the fixtures other than the one of TestRegistry.
func TestFixtures(t *testing.T) {
	if suite, _ := ginkgo.GinkgoConfiguration(); suite.ParallelTotal > 1 {
		t.Skip("is one process's work")
	}
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	for i, name := range fixtureNames() {
		if name == full {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, err := spec.Run(t.Context(), startFixture(t, name), affordable(i)...)
			require.NoError(t, err)
			require.NotEmpty(t, results)
			may, ok := skipped[name]
			if !ok {
				may = []string{"http-401-challenge", "credentials-wrong"}
			}
			may = append(skippedByAll, may...)
			for _, r := range results {
				skipped := r.Outcome == spec.Unsupported && slices.Contains(may, r.Detail) ||
					r.Outcome == spec.NotApplicable && slices.Contains(may, r.Statement.ID)
				if !skipped {
					assert.Equal(t, spec.Passed, r.Outcome, "%s: %s", r.Statement.ID, r.Detail)
				}
			}
		})
	}
}

// TestFlags runs the test as a command on a registry that is running, twice, with some of the
// statements by default.
func TestFlags(t *testing.T) {
	if suite, _ := ginkgo.GinkgoConfiguration(); suite.ParallelTotal > 1 {
		t.Skip("is one process's work")
	}
	program, err := os.Executable()
	require.NoError(t, err)
	reg := registrytest.New(t, silent(registrytest.WithTLS(),
		registrytest.WithAuth(auth.Options{Users: map[string]string{user: secret}, Token: &auth.TokenOptions{}}))...)
	statements, files := "!ours && (end-3 || end-11)", []string{"results.html"}
	if thorough.Enabled() {
		statements, files = "!ours", []string{"results.md", "results.html"}
	}
	for _, file := range files {
		path := filepath.Join(t.TempDir(), file)
		out, err := exec.CommandContext(t.Context(), program, "-test.run=^TestRegistry$", "-registry="+reg.URL(),
			"-username="+user, "-password="+secret, "-insecure", "-version=1.1", "-repository=team/conformance",
			"-without=mount,catalog", "-with=referrers", "-table="+path, "-ginkgo.label-filter="+statements, "-ginkgo.no-color").CombinedOutput()
		require.NoError(t, err, "%s", out)
		table, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, part := range []string{"manifest URL MUST provide", "not in version 1.1", "unsupported"} {
			assert.True(t, strings.Contains(string(table), part), "%s has no %q", file, part)
		}
	}
	reg.Require(t, record.Op(op.ManifestGet)).AtLeast(1)
	for _, x := range reg.Requests(record.Op(op.ManifestPut)) {
		assert.True(t, strings.HasPrefix(x.Repo, "team/conformance/"), x.Repo)
	}
	reg.Require(t, record.Op(op.RepositoryList)).Count(0)
}

func ExampleRun() {
	reg, err := registrytest.Start()
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	target := spec.Target{URL: reg.URL(), Features: map[spec.Feature]bool{spec.Mount: false}}
	get, _ := spec.Lookup("manifest-get")
	mount, _ := spec.Lookup("mount")
	results, err := spec.Run(context.Background(), target, get, mount)
	if err != nil {
		panic(err)
	}
	for _, r := range results {
		fmt.Println(r.Statement.ID, "-", r.Short())
	}
	// Output:
	// manifest-get - pass
	// mount - unsupported: mount
}
