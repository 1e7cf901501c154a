package recorder_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

func TestRefused(t *testing.T) {
	assert.Equal(t, "connection 2 without a request: no \\x1b[31mTLS\n", recorder.Refused([]record.Connection{
		{ID: 1, Requests: 1, Error: "a request came first"},
		{ID: 2, Error: "no \x1b[31mTLS"},
		{ID: 3},
	}))
	var many []record.Connection
	for id := range uint64(12) {
		many = append(many, record.Connection{ID: id, Error: "x"})
	}
	assert.Regexp(t, `^(connection \d without a request: x\n){10}… 2 more\n$`, recorder.Refused(many))
	assert.Empty(t, recorder.Refused(nil))
}
