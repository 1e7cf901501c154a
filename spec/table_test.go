package spec_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/spec"
)

// failure returns the failure of a statement with markup in its text.
func failure(t *testing.T) []spec.Result {
	t.Helper()
	s, ok := spec.Lookup("manifest-reference-other")
	require.True(t, ok)
	return []spec.Result{{Statement: s, Outcome: spec.Failed, Message: "want <this>", Detail: "<script>"}}
}

// TestHTML checks the page, of which every row has a cell for each column of the header.
func TestHTML(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, spec.WriteHTML(&b, "http://a.test/?<b>", failure(t)))
	page := b.String()
	assert.Contains(t, page, "<title>Conformance of http://a.test/?&lt;b&gt;</title>")
	assert.Contains(t, page, "<h1>Conformance of http://a.test/?&lt;b&gt;</h1>")
	assert.Contains(t, page, "width: 100% }")
	assert.Contains(t, page, "<p>MUST: 1 fail</p>")
	assert.Contains(t, page, "<tr><th>Result<th>Level<th>Statement<th>Source\n")
	assert.Contains(t, page, `<tr class="fail" id="manifest-reference-other"><td>fail<td>MUST<td><code>manifest-reference-other</code> The `+
		"`&lt;tag-or-digest&gt;` MUST NOT be in any other format.<details><summary>want &lt;this&gt;</summary><pre>&lt;script&gt;</pre></details>"+
		"<td>distribution-spec 1.0, 1.1, 1.2-draft, Pulling manifests, end-3\n")
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, spec.WriteMarkdown(&b, "http://a.test", failure(t)))
	assert.Contains(t, b.String(), "# Conformance of http://a.test\n\nMUST: 1 fail\n\n")
	assert.Contains(t, b.String(), "\n| **fail** | MUST | `manifest-reference-other` The ")
}

// TestSummary checks that statements beyond the specification have a line of their own.
func TestSummary(t *testing.T) {
	var results []spec.Result
	for _, s := range spec.Statements() {
		switch s.ID {
		case "blob-get", "tags":
			results = append(results, spec.Result{Statement: s, Outcome: spec.Passed})
		case "upload-again":
			results = append(results, spec.Result{Statement: s, Outcome: spec.Failed})
		}
	}
	assert.Equal(t, []string{"MUST: 2 pass", "beyond the specification: 1 fail"}, spec.Summary(results))
	assert.Empty(t, spec.Summary(nil))
}
