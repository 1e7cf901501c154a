package registrytest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestAssertWithoutEnd wants a test to fail that says what requests are meant, and
// nothing of them.
func TestAssertWithoutEnd(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	for name, test := range map[string]struct {
		run  func(testing.TB)
		want []string
	}{
		"Assert": {
			func(t testing.TB) { reg.Assert(t, record.Op(op.BlobGet), record.Repo("app")) },
			[]string{`registrytest: Assert at unused_test.go:23 asserts nothing about requests with op=blob.get repo=app: end it with what must hold, such as .Count(1) or .Count(0)`},
		},
		"Require": {
			func(t testing.TB) { reg.Require(t) },
			[]string{`registrytest: Require at unused_test.go:27 asserts nothing about requests: end it with what must hold, such as .Count(1) or .Count(0)`},
		},
		"with an end":         {func(t testing.TB) { reg.Assert(t).Count(0) }, nil},
		"with one that waits": {func(t testing.TB) { reg.Assert(t).Eventually(0, 0) }, nil},
		"a test that failed": {
			func(t testing.TB) { reg.Assert(t); t.Errorf("for another reason") },
			[]string{"for another reason"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, runTest(test.run).failures)
		})
	}

	alone, err := registrytest.Start(registrytest.WithInMemory())
	require.NoError(t, err)
	alone.Assert(nil)
	alone.Assert(nil).Count(0)
	assert.ErrorContains(t, alone.Close(), "Assert at unused_test.go:44 asserts nothing about requests")
	assert.NoError(t, alone.Close())
}
