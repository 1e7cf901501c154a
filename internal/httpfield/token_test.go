package httpfield_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/httpfield"
)

func TestCut(t *testing.T) {
	for text, want := range map[string][2]string{
		"Bearer realm": {"Bearer", " realm"}, "X-A!": {"X-A!", ""}, "": {"", ""}, `"quoted"`: {"", `"quoted"`}, "ä": {"", "ä"}, "a:b": {"a", ":b"},
	} {
		token, rest := httpfield.CutToken(text)
		assert.Equal(t, want, [2]string{token, rest}, text)
		assert.Equal(t, want[0] != "" && want[1] == "", httpfield.ValidToken(text), text)
	}
}
