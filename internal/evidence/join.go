package evidence

import (
	"slices"
	"strings"
)

// Join returns the value of which two answers show values, if they do not contradict one another:
// the answer to a HEAD has no error code, and many errors have no detail where others have one.
func Join(trait, a, b string) (string, bool) {
	switch {
	case a == b:
		return a, true
	case slices.Contains(narrowing, trait):
		return b, true
	case isStatus(a) && strings.HasPrefix(b, a+" "):
		return b, true
	case isStatus(b) && strings.HasPrefix(a, b+" "):
		return a, true
	}
	switch weak := weaker[trait]; {
	case weak == "":
	case a == weak:
		return b, true
	case b == weak:
		return a, true
	}
	return "", false
}

func isStatus(value string) bool { return len(value) == 3 && strings.Trim(value, "0123456789") == "" }

// weaker are the values that other values of the trait include.
var weaker = map[string]string{
	"answer.shape":        "no-detail", // of a registry whose other errors have a detail
	"tags.order":          "bytewise",  // a list that happens to be sorted
	"auth.scheme":         "basic",     // the challenge of some paths, or of the token service, beside that of tokens
	"tags.link-when":      "more",      // a list without a Link can be the last page
	"blob.mount":          "never",     // of a blob that the source lacks
	"manifest.get-digest": "by-digest", // none by tag
}

// narrowing are traits whose later values take earlier answers into account.
var narrowing = []string{"upload.query", "tags.link-query"}
