package registry_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/registry"
)

func TestNilStore(t *testing.T) {
	assert.PanicsWithValue(t, "registry: New: the store is nil", func() { registry.New(nil, registry.Options{}) })
}
