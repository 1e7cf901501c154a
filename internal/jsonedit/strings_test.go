package jsonedit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

func TestStrings(t *testing.T) {
	value := map[string]any{"a": "x", "list": []any{"y", 1.0, nil, map[string]any{"b": "z"}}, "n": true}
	want := map[string]any{"a": "X", "list": []any{"Y", 1.0, nil, map[string]any{"b": "Z"}}, "n": true}
	assert.Equal(t, want, jsonedit.Strings(value, strings.ToUpper))
	assert.Equal(t, "X", jsonedit.Strings("x", strings.ToUpper))
	assert.Nil(t, jsonedit.Strings(nil, strings.ToUpper))
}
