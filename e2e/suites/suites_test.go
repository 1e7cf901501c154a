package suites

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fixture is a registry for tests of another project, which ocifake replaces.
type fixture struct {
	module  string
	profile string
	drop    []string // files of the module that are left out
	rename  []rename // what is replaced by names that differ
}

// rename renames what an expression matches in files.
type rename struct {
	files        string
	expression   *regexp.Regexp
	replacedWith string
}

var fixtures = map[string]fixture{
	"ggcr": {
		module: "github.com/google/go-containerregistry", profile: "ggcr",
		drop: []string{"pkg/registry/registry.go", "pkg/registry/manifest.go"},
	},
	"distribution": {module: "github.com/distribution/distribution/v3", profile: "distribution3", drop: []string{"registry/*.go"}},
	"olareg":       {module: "github.com/olareg/olareg", profile: "olareg", drop: []string{"*.go"}},
	"ocimem": {
		module: "cuelabs.dev/go/oci/ociregistry", profile: "ocimem",
		rename: []rename{
			{"ocimem/*.go", regexp.MustCompile(`([^.\w])(Registry|New|NewWithConfig)\b`), "${1}original$2"},
			{"ociserver/registry.go", regexp.MustCompile(`func New\(`), "func newServer("},
		},
	},
}

// suite is a project whose tests use a fixture.
type suite struct {
	module   string
	fixture  string
	packages []string

	// differences are the tests that pass with the original alone, each with the reason.
	differences map[string]string
}

// smallest runs by default, with its first package.
const smallest = "github.com/google/go-containerregistry@v0.22.1"

var suites = []suite{
	{module: smallest, fixture: "ggcr", packages: []string{"./pkg/crane", "./pkg/gcrane", "./internal/cmd", "./pkg/v1/partial", "./pkg/v1/remote"}},
	{module: "github.com/google/ko@v0.19.1", fixture: "ggcr", packages: []string{"./pkg/publish", "./pkg/commands"}},
	{module: "github.com/regclient/regclient@v0.11.7", fixture: "olareg", packages: []string{".", "./mod", "./cmd/regctl", "./cmd/regsync", "./cmd/regbot/..."}},
	{module: "cuelang.org/go@v0.17.1", fixture: "ocimem", packages: []string{"./mod/modconfig", "./mod/modregistry", "./mod/modregistrytest"}},
	{module: "helm.sh/helm/v4@v4.3.1", fixture: "distribution", packages: []string{"./pkg/registry", "./pkg/downloader", "./pkg/action", "./pkg/cmd"}},
	{module: "github.com/anchore/stereoscope@v0.1.13", fixture: "ggcr", packages: []string{"./pkg/image/oci"}},
	{module: "github.com/anchore/syft@v1.57.1", fixture: "ggcr", packages: []string{"./syft/source/ocimodelsource"}},
}

// TestSuites runs each suite with its fixture and with ocifake. The suites of OCIFAKE_SUITES run,
// separated by commas, by any part of their modules, or all.
func TestSuites(t *testing.T) {
	names := os.Getenv("OCIFAKE_SUITES")
	wanted := func(s suite) bool {
		return slices.ContainsFunc(strings.Split(names, ","), func(name string) bool { return strings.Contains(s.module, name) })
	}
	results := readResults(t)
	for _, s := range suites {
		t.Run(s.module, func(t *testing.T) {
			switch {
			case names == "" && s.module == smallest:
				s.packages = s.packages[:1]
				s.run(t)
			case names == "all" || names != "" && wanted(s):
				results[s.module] = s.run(t)
			default:
				t.Skip("OCIFAKE_SUITES does not name it")
			}
		})
	}
	if os.Getenv("OCIFAKE_UPDATE") != "" {
		writeResults(t, results)
	}
	for _, s := range suites {
		assert.Contains(t, results, s.module, "run it with OCIFAKE_SUITES=%s OCIFAKE_UPDATE=1", s.module)
	}
	assert.Len(t, results, len(suites))
}

// run returns the row of the suite in the results.
func (s *suite) run(t *testing.T) string {
	f := fixtures[s.fixture]
	dir := copyModule(t, t.TempDir(), "suite", s.module)
	original := outcomes(t, dir, s.packages)
	require.NotEmpty(t, original.passed(), "no test of %s passes here", s.module)

	replaced := dir
	if !strings.HasPrefix(s.module, f.module+"@") {
		replaced = copyModule(t, t.TempDir(), "fixture", f.module+"@"+selected(t, dir, f.module))
		edit(t, dir, "-replace="+f.module+"="+replaced)
	}
	s.replace(t, replaced, f)
	edit(t, dir, "-require=github.com/ocifake/ocifake@v0.0.0", "-replace=github.com/ocifake/ocifake="+root(t))
	linked := command(t, dir, append([]string{"list", "-deps", "-test"}, s.packages...)...)
	require.Contains(t, string(linked), "github.com/ocifake/ocifake/registrytest\n", "the tests do not import the fixture")
	ours := outcomes(t, dir, s.packages)

	var failed []string
	for _, name := range original.passed() {
		if ours[name] == "pass" {
			continue
		}
		failed = append(failed, name)
		if s.differences[name] == "" {
			t.Errorf("%s passes with %s, and with ocifake: %s\n%s", name, f.module, ours[name], ours[name+outputOf])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.differences)) {
		assert.Contains(t, failed, name, "it passes: remove it")
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %d | %d |", s.module, strings.Join(s.packages, " "), f.module, f.profile, len(original.passed()), len(original.passed())-len(failed))
}

// replace makes a copy of the fixture's module one that has ocifake.
func (s *suite) replace(t *testing.T, dir string, f fixture) {
	t.Helper()
	for _, pattern := range f.drop {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			require.NoError(t, os.Remove(file))
		}
	}
	for _, r := range f.rename {
		files, err := filepath.Glob(filepath.Join(dir, r.files))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			if !strings.HasSuffix(file, "_test.go") {
				require.NoError(t, os.WriteFile(file, r.expression.ReplaceAll(text, []byte(r.replacedWith)), 0o644))
			}
		}
	}
	require.NoError(t, copyInto(dir, filepath.Join("testdata", "fixtures", s.fixture)))
	edit(t, dir, "-require=github.com/ocifake/ocifake@v0.0.0")
}
