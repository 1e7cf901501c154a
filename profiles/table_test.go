package profiles

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCauses: the table names causes that the registry has.
func TestCauses(t *testing.T) {
	for i := range table {
		row := &table[i]
		for _, names := range [][]string{row.causes, row.refused} {
			assert.NotPanics(t, func() { assert.Len(t, causes(names...), len(names), row.name) }, row.name)
		}
	}
}
