package worldstore_test

import (
	"testing"

	"github.com/ocifake/ocifake/internal/testmain"
)

func TestMain(m *testing.M) { testmain.Run(m) }
