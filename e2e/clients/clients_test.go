// Package clients runs command-line clients against the binary, as scripts do, and documents the
// results in docs/clients.md.
//
// A script for each client has its steps, and install.sh installs the client. What
// is not installed is skipped, and its row stays as it is; crane, oras, regctl and
// helm are tools of the module e2e and always there.
//
//	go test ./clients                          what is there
//	OCIFAKE_E2E_INSTALL=1 go test ./clients    all, installed first
//	OCIFAKE_UPDATE=1 go test ./clients         writes the document
package clients

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clients are the clients with a script, in the order of the document.
var clients = []string{
	"docker", "podman", "buildah", "skopeo", "ctr", "ctr2", "nerdctl", "buildctl",
	"crane", "oras", "regctl", "helm", "cosign", "notation", "ko", "imgpkg", "conftest",
}

// debians are the clients whose version is that of Debian.
var debians = []string{"docker", "podman", "buildah", "skopeo", "ctr"}

// steps are the steps of lib.sh, in order.
var steps = []string{"build", "push", "tag", "list", "pull", "attach", "sign", "verify", "discover", "copy", "delete"}

// variants are the registries that clients meet. The first is what the steps in the
// document are of, and the others must be no different.
var variants = []struct {
	name  string
	flags []string
}{
	{"plain", nil},
	{"Basic", []string{"--user", "ci:hunter2"}},
	{"Bearer", []string{"--user", "ci:hunter2", "--bearer"}},
	{"TLS", []string{"--tls"}},
}

// remarks are notes on the success of a client with a variant.
var remarks = map[string]string{
	"docker/TLS": "the daemon verifies no certificate of an address in 127.0.0.0/8",
}

const (
	ok   = "ok"   // and a remark, after a colon
	none = "none" // and why, after a colon

	// notRun, and what was not run after a colon, is in the document until the step is
	// run: no run makes it.
	notRun = "not run"
)

func TestClients(t *testing.T) {
	document, versions := readDocument(t), installed(t)
	for _, name := range clients {
		t.Run(name, func(t *testing.T) {
			row := row{Version: requireVersion(t, versions, name), Variants: map[string]string{}, Lint: judgement{}}
			for _, v := range variants {
				t.Run(v.name, func(t *testing.T) {
					requests := filepath.Join(t.TempDir(), name+"-"+v.name+".jsonl")
					results, _ := runScript(t, name, append([]string{"--requests", requests}, v.flags...))
					row.Lint.add(t, requests)
					requireNoFailures(t, results)
					if row.Steps == nil {
						row.Steps = results
					}
					assert.Equal(t, row.Steps, results, "it can do something else here")
					row.Variants[v.name] = strings.TrimSuffix(ok+": "+remarks[name+"/"+v.name], ": ")
				})
			}
			if len(row.Variants) == len(variants) { // -run may choose
				document.Clients.judge(t, name, row)
			}
		})
	}
	document.write(t)
}

// requireVersion skips the test of a client that is not installed.
func requireVersion(t *testing.T, versions map[string]string, name string) string {
	t.Helper()
	if versions[name] == "" {
		t.Skipf("there is no %s: bash e2e/clients/install.sh %s, or OCIFAKE_E2E_INSTALL=1 go test", name, name)
	}
	return versions[name]
}

func requireNoFailures(t *testing.T, results map[string]string) {
	t.Helper()
	require.NotEmpty(t, results)
	for _, step := range steps {
		result := results[step]
		kind, _, _ := strings.Cut(result, ":")
		assert.Contains(t, []string{ok, none}, kind, "%s: %s", step, result)
	}
}
