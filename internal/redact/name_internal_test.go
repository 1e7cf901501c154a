package redact

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPlainNames: the shortcut for frequent names does not change the judgement.
func TestPlainNames(t *testing.T) {
	for _, name := range plainNames {
		assert.Empty(t, kindOfWords(name), name)
	}
	assert.Equal(t, token, kindOfWords("X-Vault-Token"))
}
