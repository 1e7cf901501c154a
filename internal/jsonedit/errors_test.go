package jsonedit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

func TestErrorCodes(t *testing.T) {
	for body, want := range map[string][]string{
		``:                          nil,
		`{}`:                        nil,
		`<html>`:                    nil,
		`[]`:                        nil,
		`{"errors":null}`:           nil,
		`{"errors":[]}`:             nil,
		`{"errors":[{"code":"A"}]}`: {"A"},
		`{"x":{"errors":[{"code":"X"}]},"errors":[{"code":"A","detail":{"code":"Y"}},{},{"code":"B"}]}`: {"A", "B"},
		`{"errors":[{"code":"A"},{"code":"B","mess`:                                                     {"A"},
		`{"errors":[{"code":"A"},{"code":1},{"code":"B"}]}`:                                             {"A"},
		`{"x":`: nil,
	} {
		assert.Equal(t, want, jsonedit.ErrorCodes([]byte(body)), body)
	}
}
