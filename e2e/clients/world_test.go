package clients

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWorld: clients and daemons that are not configured for a registry reach Docker Hub and GHCR, as
// far as they are installed. Daemons have what "ocifake hosts" writes, and nothing else.
func TestWorld(t *testing.T) {
	installed(t)
	ocifake, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("OCIFAKE_BINARY", ocifake)
	results, log := runScript(t, "world", []string{
		"--no-control=false", "--hosts", "docker.io=hub,ghcr.io=ghcr",
		"--generate", "docker.io/library/alpine:3", "--generate", "ghcr.io/org/app:v1",
	})
	for step, result := range results {
		t.Logf("%s: %s", step, result)
		assert.False(t, strings.HasPrefix(result, "failed"), "%s: %s", step, result)
	}
	for _, always := range []string{"crane", "oras", "regctl", "helm", "curl"} {
		assert.Equal(t, "ok", results[always], always)
	}
	assert.NotContains(t, log, "refused hosts", "they ask for no other hosts")
}
