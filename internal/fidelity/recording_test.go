package fidelity_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/fidelity"
)

// The contents of the recordings are rebuilt, except for those that the recording does not show.
func TestContents(t *testing.T) {
	standIns := map[string][]string{
		"acr": {"manifest3"}, "artifactory": {"manifest3"}, "cloudsmith": {"config2"}, "gitlab": {"manifest3"},
	}
	recordings, err := fidelity.Recordings()
	require.NoError(t, err)
	require.Len(t, recordings, 6)
	for _, r := range recordings {
		assert.Equal(t, standIns[r.Registry], r.StandIns(), r.Registry)
		assert.Contains(t, r.Source, "opencontainers/oci-conformance distribution-spec/"+r.Suite+"/", r.Registry)
		assert.NotEmpty(t, r.Digests, r.Registry)
	}
}

// The random blobs are those of math/rand, whose sequence Go promises to keep.
func TestRandomBlob(t *testing.T) {
	all := fidelity.Contents(&fidelity.Recording{Suite: "v1.1", Seed: 1719414306})
	assert.EqualValues(t, "sha256:82bead6e8a7fa9b4605e94e47f0b3353863d1487554b73281806f4e95909dc30", digest.FromBytes(all["blobA"]))
	assert.Equal(t, all["blobB"], append(bytes.Clone(all["blobB.1"]), all["blobB.2"]...))
}

// Every request of the suite has a test case, and names contents that there are.
func TestSuite(t *testing.T) {
	for _, version := range []string{"v1.0", "v1.1"} {
		requests, cases, err := fidelity.Suite(version)
		require.NoError(t, err)
		all := fidelity.Contents(&fidelity.Recording{Suite: version})
		for i, request := range requests {
			assert.Len(t, strings.SplitN(cases[i], ": ", 3), 3, "%s: want a workflow, a group and a title", cases[i])
			for _, part := range strings.Split(request, "<")[1:] {
				name, _, _ := strings.Cut(part, ">")
				if name != "repo" && name != "other" && name != "tag" {
					assert.Contains(t, all, name, request)
				}
			}
		}
	}
	_, _, err := fidelity.Suite("v2")
	assert.EqualError(t, err, `suite "v2": want v1.0 or v1.1`)
}

const head = `{"registry":"r","suite":"v1.1","date":"2025-01-01","source":"s","repo":"a/b","digests":{}}` + "\n"

func line(step int, title, request string, status int) string {
	return fmt.Sprintf(`{"step":%d,"case":%q,"op":"blob.head","request":%q,"answer":{"status":%d}}`+"\n", step, title, request, status)
}

const title = "Pull: Pull blobs: HEAD request to nonexistent blob should result in 404 response"

func TestReadRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "an empty recording"},
		{"no JSON", "x\n", "line 1: "},
		{"unknown field", `{"registry":"r","colour":1}`, "line 1: colour: unknown field"},
		{"suite", strings.Replace(head, "v1.1", "v3", 1), `suite "v3": want v1.0 or v1.1`},
		{"repository", strings.Replace(head, "a/b", "A b", 1), `repositories "A b"`},
		{"digest", strings.Replace(head, `"digests":{}`, `"digests":{"layer":"x"}`, 1), `digest "x" of layer`},
		{"size", strings.Replace(head, `"digests"`, `"chunked":99999999999,"digests"`, 1), "chunked is 99999999999"},
		{"method", head + line(9, title, "BREW /v2/", 200), `exchange 1: request "BREW /v2/": unknown method`},
		{"target", head + line(9, title, "HEAD", 200), `exchange 1: request "HEAD": want a method and a target`},
		{"status", head + line(9, title, "HEAD /v2/", 7), "exchange 1: status 7"},
		{"step", head + line(999, title, "HEAD /v2/", 200), "exchange 1: step 999: want a number from 1 to"},
		{"order", head + line(10, "Pull: Pull blobs: HEAD request to existing blob should yield 200", "HEAD /v2/", 200) + line(9, title, "HEAD /v2/", 200),
			"exchange 2: step 9: want a number from 10 to"},
		{"case", head + line(9, "other", "HEAD /v2/", 200), "exchange 1: step 9 is in the test case"},
		{"long line", head + strings.Repeat(" ", 2<<20), "line 2: longer than 1048576 bytes"},
		{"many lines", head + strings.Repeat(line(9, title, "HEAD /v2/", 404), 10_000), "more than 10000 lines"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := fidelity.Read(strings.NewReader(tc.text))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestWriteAndRead(t *testing.T) {
	recordings, err := fidelity.Recordings()
	require.NoError(t, err)
	for _, r := range recordings {
		var text bytes.Buffer
		_, err := r.WriteTo(&text)
		require.NoError(t, err)
		again, err := fidelity.Read(&text)
		require.NoError(t, err)
		assert.Equal(t, r, again)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(head + line(9, title, "HEAD /v2/<repo>/blobs/<hello>", 404)))
	f.Add([]byte(head + `{"step":3,"op":"token","request":"GET {realm}","answer":{"status":200,"body":[{"a":[null]}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := fidelity.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var written bytes.Buffer
		_, err = r.WriteTo(&written)
		require.NoError(t, err)
		again, err := fidelity.Read(&written)
		require.NoError(t, err)
		assert.Len(t, again.Exchanges, len(r.Exchanges))
	})
}
