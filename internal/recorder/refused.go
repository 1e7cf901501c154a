package recorder

import (
	"fmt"
	"strings"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/record"
)

// maxRefused is the maximum number of connections in the result of [Refused].
const maxRefused = 10

// Refused lists the connections that were refused before their first request, one per line. It
// lists at most ten, and the number of the others.
func Refused(connections []record.Connection) string {
	var lines strings.Builder
	refused := 0
	for _, c := range connections {
		if c.Requests > 0 || c.Error == "" {
			continue
		}
		if refused++; refused <= maxRefused {
			fmt.Fprintf(&lines, "connection %d without a request: %s\n", c.ID, terminal.Escape(c.Error))
		}
	}
	if more := refused - maxRefused; more > 0 {
		fmt.Fprintf(&lines, "… %d more\n", more)
	}
	return lines.String()
}
