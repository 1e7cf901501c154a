package ocifake

import (
	"testing"

	"github.com/ocifake/ocifake/registrytest"
)

func TestOne(t *testing.T) { registrytest.New(t) }
