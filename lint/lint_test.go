package lint_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/lint"
)

func TestRules(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range lint.Rules() {
		assert.False(t, ids[r.ID], "two rules are called %s", r.ID)
		ids[r.ID] = true
		assert.Regexp(t, regexp.MustCompile(`^[a-z0-9.-]+$`), r.ID)
		for name, text := range map[string]string{"Title": r.Title, "Why": r.Why, "Fix": r.Fix, "Wrong": r.Wrong, "Right": r.Right} {
			assert.NotEmpty(t, text, "%s: %s", r.ID, name)
		}
		assert.Equal(t, r.Sentence == "", r.Source == "", r.ID)
		switch r.Severity {
		case lint.Must, lint.Should:
			assert.NotEmpty(t, r.Sentence, "%s: a rule that says must or should quotes the sentence", r.ID)
		case lint.Portability:
			assert.NotEmpty(t, r.Profiles, "%s: no profile shows that the fault matters: go test ./lint -run TestFails -update", r.ID)
		}
	}
}

// TestSentences checks quotations of the distribution specification and the image specification.
func TestSentences(t *testing.T) {
	for _, r := range lint.Rules() {
		source, _, _ := strings.Cut(r.Source, ",")
		files := map[string][]string{
			"distribution-spec 1.1": {"../spec/testdata/distribution-spec-1.1.txt", "../spec/testdata/clients.txt", "testdata/sentences.txt"},
			"image-spec 1.1":        {"../spec/testdata/image-spec-1.1.txt"},
		}[source]
		if files == nil {
			continue
		}
		assert.True(t, slices.ContainsFunc(files, func(name string) bool {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			return strings.Contains(string(text), r.Sentence)
		}), "%s: %s: %q is not there", r.ID, r.Source, r.Sentence)
	}
}
