package main

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The file is XML and does nothing to a terminal, whatever a command or a server says.
func TestJUnitEscapes(t *testing.T) {
	suite := newJUnit([]string{"\x1b[31m", "\u202e\x00"}, ended{status: 1, err: errors.New("\u009b2J\uffff\nand\xff")}, verdicts{{what: "a\rb", err: errors.New("\x07"), journal: "\x1b]0;x"}}, nil)
	var text strings.Builder
	require.NoError(t, suite.writeTo(&text))
	for _, c := range []string{"\x1b", "\u202e", "\x00", "\u009b", "\uffff", "\x07", "\r", "\ufffd"} {
		assert.NotContains(t, text.String(), c)
	}
	assert.Contains(t, text.String(), `\x1b[31m`)
	var read junitSuite
	require.NoError(t, xml.Unmarshal([]byte(text.String()), &read))
	assert.Len(t, read.Cases, 2)
}
