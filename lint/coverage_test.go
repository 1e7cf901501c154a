package lint_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/lint"
)

var updateCoverage = flag.Bool("update-coverage", false, "write COVERAGE.md")

// Answers that several sentences have.
const (
	permits   = "not: permits something"
	invisible = "not: what a client tells its user is not in its requests"
	digests   = "trial: exam duties/blob-wrong, duties/manifest-wrong, duties/digest-header-wrong, and the sweep"
	unread    = "not: no request depends on it"
	proxies   = "not: whether a registry is a proxy is not in the requests"
	follows   = "not: introduces the next sentences"
)

// answers says for each sentence that binds clients, by its beginning, which rules judge it, or
// why none does.
var answers = []struct{ sentence, answer string }{
	{"Because of the origins of this specification", permits},
	{"These headers are OPTIONAL and clients SHOULD NOT depend on them", "trial: exam duties/docker-headers-missing"},
	{"Unless documented elsewhere in the spec, these headers are OPTIONAL", "trial: exam duties/docker-headers-missing"},
	{"The client MAY encounter error codes", permits},
	{"These error codes are OPTIONAL and clients SHOULD NOT depend on them", "trial: exam duties/error-codes"},
	{"The client SHOULD include an `Accept` header", "accept-missing accept-incomplete"},
	{"The client SHOULD ignore parameters on the `Content-Type` header", "trial: exam duties/content-type-parameters"},
	{"If the manifest has a `mediaType` field, clients SHOULD reject", "trial: exam duties/manifest-media-type"},
	{"Most clients MAY ignore the value, but if it is used", digests},
	{"If the `<reference>` part of a manifest request is a digest", digests},
	{"Clients SHOULD verify that the response body matches the requested digest", digests},
	{"Additionally, it SHOULD match exactly the `<location>`", "upload-location upload-location-reordered"},
	{"It SHOULD NOT be assembled manually by clients", "upload-location"},
	{"Additionally, it MUST match exactly the `<blob-push-location>`", "upload-location upload-location-reordered"},
	{"It MUST NOT be assembled manually by clients", "upload-location"},
	{"The process remains unchanged for chunked upload", "upload-start-length"},
	{"It MUST match the following regular expression", "chunk-range-wrong"},
	{"If the registry provides an `OCI-Chunk-Min-Length` header", "chunk-below-minimum"},
	{"Each consecutive chunk upload SHOULD use the `<location>`", "upload-location-stale"},
	{"When pushing a blob with a digest algorithm other than `sha256`", "not: a sentence of the draft; a client can learn the algorithm after it has begun"},
	{"Most clients MAY ignore the value but if it is used", digests},
	{"Clients SHOULD set the `Content-Type` header", "manifest-type-missing manifest-type-mismatch"},
	{"The client SHOULD NOT include parameters", "manifest-type-parameters"},
	{"All manifests SHOULD include a `mediaType` field", "manifest-media-type-missing"},
	{"If a manifest includes a `mediaType` field", "manifest-type-mismatch"},
	{"The uploaded manifest MUST reference any blobs", "descriptor-wrong manifest-before-content"},
	{"Clients MAY ignore the value but if it is used", digests},
	{"Clients MAY see other status codes", permits},
	{"When pushing a manifest with the `subject` field and the `OCI-Subject` header was not set", "subject-not-processed"},
	{"If that pull returns a manifest other than the expected image index", "trial: exam duties/referrers-tag-other"},
	{"If the tag returns a 404, the client MUST begin with an empty image index", "subject-not-processed"},
	{"Verify the descriptor for the manifest is not already in the referrers list", "referrers-tag-wrong"},
	{"The value of the `artifactType` MUST be set", "descriptor-wrong"},
	{"If the `artifactType` is empty or missing in a pushed image manifest", "descriptor-wrong"},
	{"All annotations from the pushed manifest MUST be copied", "referrers-tag-wrong"},
	{"The client MAY use conditional HTTP requests", permits},
	{"If the referrers API returns a 404", "referrers-no-fallback"},
	{"If the response to the referrers API is a 404, and the tag schema does not return", unread},
	{"When deleting an image manifest that contains a `subject` field", "referrers-tag-not-updated"},
	{"When deleting a manifest that has an associated referrers tag schema", permits},
	{"Client implementations MUST support registries that implement partial or older versions", "trial: exam profiles, traits"},
	{"This section describes client fallback procedures", follows},
	{"A client that pushes an image manifest with a defined `subject` field", "subject-not-processed"},
	{"A client querying the referrers API and receiving a `404 Not Found`", "referrers-no-fallback"},
	{"Clients MAY use a conditional HTTP push", permits},
	{"The Referrers Tag associated with a Content Digest MUST match", "subject-not-processed referrers-no-fallback"},
	{"The Truncated Algorithm associated with a Content Digest", "subject-not-processed referrers-no-fallback"},
	{"The Truncated Encoded section associated with a Content Digest", "subject-not-processed referrers-no-fallback"},
	{"If a client receives `Warning` response headers", invisible},
	{"Clients SHOULD deduplicate warnings", invisible},
	{"In accordance with RFC 7234, clients MUST NOT take any automated action", "trial: exam duties/warning"},
	{"Clients SHOULD send this request when aborting a blob upload", "upload-left-open"},
	{"Clients SHOULD ignore any failures", unread},
	{"The host in the repository name SHOULD be", "not: what the user wrote is not in the requests"},
	{"This host component in a repository name SHOULD be", "not: what the user wrote is not in the requests"},
	{"A client SHOULD be aware of whether a registry host is a proxy", proxies},
	{"A client SHOULD avoid sending `ns` query parameters", proxies},
	{"Authorization credentials for an upstream registry SHOULD NOT be sent to a proxy", proxies},
}

// TestCoverage compares COVERAGE.md with the sentences of the specification and the rules.
func TestCoverage(t *testing.T) {
	rules := map[string]bool{}
	for _, r := range lint.Rules() {
		rules[r.ID] = true
	}
	used := make([]bool, len(answers))
	var b strings.Builder
	b.WriteString("# Coverage\n\nEvery sentence of the distribution specification 1.1.1, and of the draft of 1.2, that binds clients, with the rules that judge it,\n" +
		"or the trial that shows it, or the reason why nothing can. Made by `go test ./lint -run TestCoverage -update-coverage`.\n")
	text, err := os.ReadFile("../spec/testdata/clients.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if section, ok := strings.CutPrefix(line, "## "); ok {
			fmt.Fprintf(&b, "\n## %s\n\n| Sentence | Judged by |\n| :-- | :-- |\n", section)
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		i := slices.IndexFunc(answers, func(a struct{ sentence, answer string }) bool { return strings.HasPrefix(line, a.sentence) })
		if !assert.GreaterOrEqual(t, i, 0, "%q has no answer", line) {
			continue
		}
		used[i] = true
		fmt.Fprintf(&b, "| %s | %s |\n", strings.ReplaceAll(line, "|", `\|`), answerCell(t, rules, answers[i].answer))
	}
	for i, a := range answers {
		assert.True(t, used[i], "no sentence begins with %q", a.sentence)
	}
	if *updateCoverage {
		require.NoError(t, os.WriteFile("COVERAGE.md", []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile("COVERAGE.md")
	require.NoError(t, err)
	assert.Equal(t, b.String(), string(have), "run go test ./lint -run TestCoverage -update-coverage")
}

// answerCell returns an answer in Markdown. The rules in it exist.
func answerCell(t *testing.T, rules map[string]bool, answer string) string {
	t.Helper()
	kind, rest, ok := strings.Cut(answer, ": ")
	if ok {
		return "*" + kind + ": " + rest + "*"
	}
	var cells []string
	for _, id := range strings.Fields(answer) {
		assert.True(t, rules[id], "there is no rule %s", id)
		cells = append(cells, "`"+id+"`")
	}
	return strings.Join(cells, ", ")
}
