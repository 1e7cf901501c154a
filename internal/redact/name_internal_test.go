package redact

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPlainNames: the shortcut for frequent names does not change the judgement.
func TestPlainNames(t *testing.T) {
	for _, name := range plainNames {
		assert.False(t, hasSecretWords(name), name)
	}
	assert.True(t, hasSecretWords("X-Vault-Token"))
}
