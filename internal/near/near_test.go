package near_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/near"
)

func TestMean(t *testing.T) {
	words := []string{"status", "stall", "zeros", "shift-range", "blob.get", "blob.head", "v", "reset-mid-blob", "reset-mid-upload"}
	for wrote, want := range map[string]string{
		"statsu":                  "did you mean status?", // neighbours swapped
		"Status":                  "did you mean status?",
		"stat":                    "did you mean status?",
		"zero":                    "did you mean zeros?",
		"shiftrange":              "did you mean shift-range?",
		"blob.got":                "did you mean blob.get?",
		"reset-mid-blobs":         "did you mean reset-mid-blob?",
		"reset-mid-anything":      "did you mean reset-mid-blob or reset-mid-upload?",
		"blob":                    "did you mean blob.get, blob.head or reset-mid-blob?",
		"RESET_MID":               "did you mean reset-mid-blob or reset-mid-upload?",
		"sh":                      "did you mean shift-range?",
		"x":                       "", // no word has a letter in common
		"":                        "",
		"teapot":                  "",
		strings.Repeat("x", 1000): "",
	} {
		assert.Equal(t, want, near.Mean(wrote, words), wrote)
	}
	var many []string
	for _, end := range "abcdefghi" {
		many = append(many, "word-"+strings.Repeat(string(end), 9))
	}
	assert.Empty(t, near.Mean("word-", many), "so many words are no help")
	assert.Empty(t, near.Mean("word", nil))
}

func TestHint(t *testing.T) {
	words := []string{"add", "rm"}
	assert.Equal(t, "did you mean add?", near.Hint("ad", words))
	assert.Equal(t, "want one of add, rm", near.Hint("break", words))
}

func BenchmarkMean(b *testing.B) {
	words := strings.Fields(strings.Repeat("reset-mid-blob ", 200))
	for b.Loop() {
		near.Mean(strings.Repeat("x", 64), words)
	}
}
