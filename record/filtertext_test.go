package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/record"
)

// Each is the beginning of a filter: the name is known, whatever the value is.
func TestFilterTerms(t *testing.T) {
	var names []string
	for _, word := range filter.Terms() {
		names = append(names, word.Begin())
		assert.NotEmpty(t, word.Doc, word.Begin())
		_, err := record.ParseFilters(word.Example)
		require.NoError(t, err)
		assert.Contains(t, word.Example, word.Begin())
	}
	assert.Contains(t, names, "op=")
	assert.Contains(t, names, "auth")
	assert.Contains(t, names, "status=")
	assert.Contains(t, names, "faulted")
	assert.Contains(t, names, "header.")
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, "."):
			name += "X-Test=a"
		case strings.HasSuffix(name, "="), strings.HasSuffix(name, ">"):
			name += `"?"`
		}
		if _, err := record.ParseFilters(name); err != nil {
			assert.NotContains(t, err.Error(), "nothing called")
			assert.NotContains(t, err.Error(), "value is missing")
		}
	}
	_, err := record.ParseFilters("nothing=1")
	require.ErrorContains(t, err, "nothing called")
}

// The table says of each term when it can be judged, as does its filter.
func TestStagesOfTerms(t *testing.T) {
	for _, term := range filter.Terms() {
		filters, err := record.ParseFilters(term.Example)
		require.NoError(t, err)
		stage := filters[0].Stage()
		assert.Equal(t, term.Answer, stage == record.OnAnswer, term.Name)
		assert.Equal(t, term.End, stage == record.OnEnd, term.Name)
	}
}
