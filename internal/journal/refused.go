// Package journal prints what belongs beside the journal of requests in the message of
// a failed test.
package journal

import (
	"fmt"
	"strings"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/record"
)

// maxRefused is how many connections [Refused] lists.
const maxRefused = 10

// Refused lists the connections that were refused before they carried a request, one
// on a line. After ten lines it gives only the number of the remaining ones.
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
