package e2e

import (
	"path/filepath"
	"testing"

	"github.com/ocifake/ocifake/registrytest"
	"github.com/stretchr/testify/require"
)

// TestTranscripts compares what clients say when they push and pull the same index
// with what they said when the golden files were written, which stand side by side
// in testdata/transcripts. OCIFAKE_UPDATE=1 writes them anew.
func TestTranscripts(t *testing.T) {
	const repo, tag = "transcript/" + chartName, "1.0.0"
	index := newIndex(t, tag)
	for _, c := range []client{goContainerregistry, orasGo, regclientGo, containerd} {
		t.Run(c.name, func(t *testing.T) {
			r := inProcess(registrytest.WithInMemory())(t)
			s := &session{target: r, t: t}
			require.NoError(t, c.push(s, index, s.ref(repo, tag)))
			r.registry.Assert(t).Transcript(golden(c, "push"))
			r.registry.Forget()
			require.NoError(t, c.pull(s, s.ref(repo, tag), t.TempDir()))
			r.registry.Assert(t).Transcript(golden(c, "pull"))
		})
	}
}

// golden is the file with a client's transcript.
func golden(c client, step string) string {
	return filepath.Join("testdata", "transcripts", c.name+"-"+step+".golden")
}
