package load

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fault is a rule, and what a client sees of it.
type fault struct {
	name  string
	op    string
	rule  string // without the above
	shown func(symptom error) bool
}

var faults = []fault{
	{"throttled", "blob.get", "every: 31, do: [{status: {code: 429, retryAfter: 1s}}]", hasStatus(http.StatusTooManyRequests)},
	{"reset", "blob.get", "every: 37, do: [{reset: {after: 200}}]", func(symptom error) bool {
		var b broken
		return errors.As(symptom, &b)
	}},
	{"corrupt", "blob.get", "every: 41, do: [{corrupt: {offset: 100}}]", func(symptom error) bool {
		var w wrong
		return errors.As(symptom, &w)
	}},
	{"unavailable", "manifest.get", "every: 23, do: [{status: {code: 503}}]", hasStatus(http.StatusServiceUnavailable)},
	{"lost", "upload.commit", "every: 29, do: [lose-upload]", hasStatus(http.StatusNotFound)},
	{"refused", "manifest.put", "every: 19, do: [{status: {code: 500}}]", hasStatus(http.StatusInternalServerError)},
}

func hasStatus(code int) func(error) bool {
	return func(symptom error) bool {
		var s status
		return errors.As(symptom, &s) && int(s) == code
	}
}

// ruleOf returns the name of the rule that must have failed a request, empty if it is
// none.
func ruleOf(op string, symptom error) string {
	for _, f := range faults {
		if f.op == op && f.shown(symptom) {
			return f.name
		}
	}
	return ""
}

// rulesFile writes the rules for --faults.
func rulesFile(t *testing.T) string {
	t.Helper()
	var rules strings.Builder
	for _, f := range faults {
		rules.WriteString("- {name: " + f.name + ", where: op=" + f.op + ", " + f.rule + "}\n")
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte(rules.String()), 0o600))
	return path
}
