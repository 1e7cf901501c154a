package config_test

import (
	"testing"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestErrorPlace(t *testing.T) {
	for _, test := range []struct {
		text         string
		line, column int
		field        string
	}{
		{"- do: [pass]\n- do: [pass]\n  doo: 1", 3, 3, "[1].doo"},
		{"do:\n- status: {code: 503}\n- status: {code: x}", 3, 18, "do[1].status.code"},
		{"do:\n- status: {cod: 503}", 2, 12, "do[0].status.cod"},
		{"where: op=nothing\ndo: [pass]", 1, 8, "where"},
		{"do: [passs]", 1, 6, "do[0]"},
		{"do: [passs: 1]", 1, 6, "do[0].passs"},
		{"times: 1.5\ndo: [pass]", 1, 8, "times"},
		{"do: 5", 1, 5, "do"},
		{"- times: 1", 1, 3, "[0]"},
		{"[{times: 1}]", 1, 2, "[0]"},
		{"do: [pass", 1, 0, ""},
	} {
		_, err := config.Rules([]byte(test.text))
		var at *yamltext.Error
		require.ErrorAs(t, err, &at, test.text)
		assert.Equal(t, [2]int{test.line, test.column}, [2]int{at.Line, at.Column}, "%q: %v", test.text, err)
		assert.Equal(t, test.field, at.Field, "%q: %v", test.text, err)
	}
}
