package e2e

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// conformanceCase is a configuration of the registry and of the program.
type conformanceCase struct {
	name    string
	version string
	strict  bool   // the registry refuses sparse manifests, and they are not tested
	tls     string // the flag that turns it on
	auth    string // the flag that has a file with a user
}

var conformanceCases = []conformanceCase{
	{name: "1.1", version: "1.1"},
	{name: "dev", version: "dev"},
	{name: "1.1 strict", version: "1.1", strict: true},
	{name: "dev strict", version: "dev", strict: true},
	{name: "1.1 TLS", version: "1.1", tls: "--tls"},
	{name: "dev TLS HTTP/2", version: "dev", tls: "--http2"},
	{name: "1.1 Basic", version: "1.1", auth: htpasswdFlag},
	{name: "dev Basic", version: "dev", auth: htpasswdFlag},
	{name: "1.1 Bearer", version: "1.1", auth: tokenAuthFlag},
	{name: "dev Bearer", version: "dev", auth: tokenAuthFlag},
}

// TestConformance runs the official conformance program of the distribution
// specification with all that it can test switched on. Nothing may fail, be
// skipped, be disabled or stay untested, but sparse manifests where they are off.
func TestConformance(t *testing.T) {
	settings := everything(t)
	for _, tt := range conformanceCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			flags, env := tt.configuration(t)
			registry := serve(t, flags...).url
			if tt.auth != "" {
				requireChallenge(t, registry, tt.auth)
			}
			r, err := conformance(t, append(env, "OCI_CONFIGURATION="+settings, "OCI_REGISTRY="+registry.Host)...)
			assert.NoError(t, err)

			var off, unpassed []string
			if tt.strict {
				off, unpassed = []string{"data.sparse"}, []string{"Sparse Manifests"}
			}
			checkReport(t, r, off, unpassed)
			assert.Equal(t, tt.version, r.config.Version)
		})
	}
}

// configuration returns the flags of the registry, and the environment of the
// program.
func (c conformanceCase) configuration(t *testing.T) (flags, env []string) {
	t.Helper()
	env = []string{"OCI_VERSION=" + c.version}
	if c.strict {
		env = append(env, "OCI_DATA_SPARSE=false")
	} else {
		flags = append(flags, "--allow-sparse")
	}
	if c.tls == "" {
		env = append(env, "OCI_TLS=disabled")
	} else {
		ca := filepath.Join(t.TempDir(), "ca.pem")
		flags = append(flags, c.tls, "--ca-file", ca)
		env = append(env, "OCI_TLS=enabled", "SSL_CERT_FILE="+ca)
	}
	if c.auth != "" {
		flags = append(flags, c.auth, authFile(t, c.auth))
		env = append(env, "OCI_USERNAME="+userName, "OCI_PASSWORD="+userPassword)
	}
	return flags, env
}

// checkReport checks that every test passed, of everything but what was switched
// off: settings that are not true, and the APIs and kinds of data that are not
// reported as passed therefore.
func checkReport(t *testing.T, r report, off, unpassed []string) {
	t.Helper()
	t.Logf("%d pass, %d FAIL, %d Error, %d Skip, %d Disabled; of APIs and kinds of data: %v",
		r.counts["Pass"], r.counts["FAIL"], r.counts["Error"], r.counts["Skip"], r.counts["Disabled"], tally(r.statuses))
	assert.NotZero(t, r.counts["Pass"])
	assert.Empty(t, r.skipped)
	assert.Equal(t, r.counts["Total"], r.counts["Pass"], "tests that did not pass:\n%s", strings.Join(r.problems, "\n"))
	assert.NotEmpty(t, r.statuses)
	assert.Equal(t, unpassed, without(r.statuses, "Pass"), "APIs and kinds of data that did not pass")
	assert.Equal(t, off, without(flatten(r.config), true), "settings that are off")
}

// everything writes a configuration of the conformance program in which every
// API and every kind of data that it knows is tested, and returns its path.
// The program itself says which there are.
func everything(t *testing.T) string {
	t.Helper()
	r, err := conformance(t, "OCI_FILTER_TEST=none")
	require.NoError(t, err)
	require.NotEmpty(t, r.config.APIs)
	require.NotEmpty(t, r.config.Data)
	enable(r.config.APIs)
	enable(r.config.Data)
	data, err := yaml.Marshal(map[string]any{"apis": r.config.APIs, "data": r.config.Data})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "everything.yaml")
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

// enable sets every switch of a tree.
func enable(tree map[string]any) {
	for name, value := range tree {
		switch value := value.(type) {
		case map[string]any:
			enable(value)
		case bool:
			tree[name] = true
		}
	}
}

// flatten returns the settings by their paths, such as apis.blobs.delete.
func flatten(c conformanceConfig) map[string]any {
	all := map[string]any{}
	var walk func(string, map[string]any)
	walk = func(prefix string, tree map[string]any) {
		for name, value := range tree {
			if sub, ok := value.(map[string]any); ok {
				walk(prefix+name+".", sub)
			} else {
				all[prefix+name] = value
			}
		}
	}
	walk("apis.", c.APIs)
	walk("data.", c.Data)
	return all
}

// without returns the keys that have another value than the one given, sorted.
func without[V any](m map[string]V, value any) []string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if any(m[key]) != value {
			keys = append(keys, key)
		}
	}
	return keys
}

func tally(statuses map[string]string) map[string]int {
	n := map[string]int{}
	for _, status := range statuses {
		n[status]++
	}
	return n
}

// conformance runs the conformance program and reads its report. The error is
// that of the program's exit status. Its files are artifacts of the test.
func conformance(t *testing.T, env ...string) (report, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool(t, "conformance"))
	cmd.Dir = t.TempDir() // without a configuration that the program would find
	cmd.Env = append(os.Environ(), "OCI_RESULTS_DIR="+t.ArtifactDir())
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	exit := cmd.Run()
	r, err := parseReport(stdout.String())
	require.NoError(t, err, "report of the conformance program:\n%s%s", stdout.Bytes(), stderr.Bytes())
	return r, exit
}
