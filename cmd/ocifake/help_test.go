package main

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
)

// Every command has an example in its help, and says so if it is called wrongly.
func TestHelpHasExamples(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			visit(child)
		}
		if cmd.HasSubCommands() && cmd.HasParent() {
			return
		}
		var help bytes.Buffer
		cmd.SetOut(&help)
		assert.NoError(t, cmd.Help())
		assert.Regexp(t, `(?m)^  (.*[|;&] )?`+cmd.CommandPath()+`\b`, cmd.Example)
		assert.Contains(t, help.String(), cmd.Example)
	}
	visit(newRoot())
}
