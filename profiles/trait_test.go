package profiles_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/profiles"
)

// TestMayFail checks with which values of traits a correct client may fail.
func TestMayFail(t *testing.T) {
	for _, test := range []struct {
		trait string
		value profiles.Value
		want  bool
	}{
		{"manifest.put", "201", false}, // the strict value
		{"manifest.put", "202", false}, // a success
		{"manifest.put", "405 UNSUPPORTED", true},
		{"blob.missing", "404 NOT_FOUND", false}, // another code
		{"blob.missing", "403 DENIED", true},
		{"upload.repeated-chunk", "416", true}, // the strict value has no status
		{"manifest.put-missing-blob", "201", false},
		{"referrers.list", "404", false}, // there is the referrers tag
		{"upload.location", "absolute", false},
		{"upload.stream", "refused", true},
		{"tags.link", "bare", false},
		{"tags.link", "none", true},
		{"limit.rate", "1 in 6 hours", true},
		{"no.such-trait", "x", false},
	} {
		assert.Equal(t, test.want, profiles.MayFail(test.trait, test.value), "%s=%s", test.trait, test.value)
	}
}
