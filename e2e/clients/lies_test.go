package clients

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLies proves that steps can fail: a registry that does not do what it says is
// found out by the step that needs it, whatever the client thinks of it.
func TestLies(t *testing.T) {
	installed(t)
	tests := map[string]struct {
		client, step string
		rules        string
	}{
		"a tag that does not move": {
			client: "crane", step: "tag",
			rules: `{where: op=manifest.put tag=v2, do: [{status: {code: 201}}]}`,
		},
		"a list without the newest tags": {
			client: "crane", step: "list",
			rules: `{where: op=manifest.put, do: [{lag-tags: {for: 1h}}]}`,
		},
		"a layer that is another": {
			client: "oras", step: "pull",
			rules: `{where: op=blob.get, do: [{corrupt: {offset: 10}}]}`,
		},
		"a copy that is not made": {
			client: "regctl", step: "copy",
			rules: `{where: op=manifest.put repo=copy, do: [{status: {code: 201}}]}`,
		},
		"referrers that are not listed": {
			client: "oras", step: "discover",
			rules: `{where: op=referrer.list, do: [{status: {code: 200, body: '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'}}]}`,
		},
		"a delete that deletes nothing": {
			client: "regctl", step: "delete",
			rules: `{where: 'op=manifest.delete,tag.delete', do: [{status: {code: 202}}]}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "rules.yaml")
			require.NoError(t, os.WriteFile(file, []byte(test.rules), 0o600))
			results, _ := runScript(t, test.client, []string{"--faults", file})
			assert.Contains(t, results[test.step], "failed: ", "%s must find out %s", test.step, test.rules)
			assert.Equal(t, ok, results["push"])
		})
	}
}
