package spec_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/op"
)

// codes are the error codes that statements are about, by those.
var codes = map[string]string{
	"code-1": "BLOB_UNKNOWN", "code-3": "BLOB_UPLOAD_UNKNOWN", "code-4": "DIGEST_INVALID", "code-6": "MANIFEST_INVALID",
	"code-7": "MANIFEST_UNKNOWN", "code-8": "NAME_INVALID", "code-9": "NAME_UNKNOWN",
}

// everyError are the statements that look at all errors.
var everyError = []string{"error-any-format", "error-json", "error-code-form", "error-code-known", "error-message", "error-detail"}

// worded is a mutation of the bodies of errors.
func worded(from, to string) func(*mutant) {
	return answered(func(a *reply) {
		if a.status >= 400 {
			a.body = bytes.ReplaceAll(a.body, []byte(from), []byte(to))
		}
	})
}

func errorMutations() []mutation {
	all := []mutation{
		{
			name: "an error is no list", mutate: worded(`{"errors":`, `{"error":`),
			fails: []string{"error-json", "manifest-missing-references-code", "code-1", "code-3", "code-4", "code-6", "code-7", "code-8", "code-9"},
		}, {
			name: "the code of a number of entries is lower-case", mutate: worded(`"UNSUPPORTED"`, `"pagination_number_invalid"`),
			fails: []string{"error-code-form", "error-code-known"},
		}, {
			name: "the code of a number of entries is its own", mutate: worded(`"UNSUPPORTED"`, `"PAGINATION_NUMBER_INVALID"`),
			fails: []string{"error-code-known"},
		}, {
			name: "a message is an object", mutate: worded(`"message":`, `"message":{},"text":`),
			fails: []string{"error-message"},
		}, {
			name: "a detail is no JSON", mutate: worded(`"detail":`, `"detail":none,"more":`),
			fails: append([]string{"code-1", "code-3", "code-4", "code-7", "code-9", "manifest-missing-references-code"}, everyError...),
		}, {
			name: "a warning is a sentence", mutate: answered(func(a *reply) { a.header.Set("Warning", "beware") }, op.TagList),
			fails: []string{"warning", "warning-form"},
		}, {
			name: "warnings have another code", mutate: answered(func(a *reply) { a.header.Set("Warning", `199 - "a warning"`) }),
			fails: []string{"warning-form"},
		}, {
			name: "warnings have a date", mutate: answered(func(a *reply) {
				a.header.Set("Warning", `299 - "a warning" "Tue, 15 Nov 1994 08:12:31 GMT"`)
			}, op.ManifestGet),
			fails: []string{"warning-form"},
		}, {
			name: "warnings are long", mutate: func(m *mutant) { m.options.Warnings = slices.Repeat([]string{strings.Repeat("w", 1000)}, 5) },
			fails: []string{"warning-length"},
		},
	}
	for id, code := range codes {
		all = append(all, mutation{
			name: fmt.Sprintf("%s is DENIED", code), mutate: worded(`"`+code+`"`, `"DENIED"`), fails: []string{id},
		})
	}
	return all
}
