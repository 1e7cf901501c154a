package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// find returns the exchanges of an operation in a repository with a status.
func (s *session) find(o op.Op, repo string, status int) record.Log {
	s.t.Helper()
	return s.requests(s.t).Filter(record.Op(o), record.Repo(repo), record.Status(strconv.Itoa(status)))
}

// logged returns the exchanges in a debug log of the binary, the file of that name:
// method, target and status. An exchange is written down before the client has the
// end of the answer.
func logged(file string) func(*testing.T) record.Log {
	return func(t *testing.T) record.Log {
		t.Helper()
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var log record.Log
		for line := range strings.Lines(string(text)) {
			if !strings.HasSuffix(line, "\n") {
				break // being written
			}
			var entry struct {
				Msg, Method, Target string
				Status              int
			}
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			if entry.Msg != "request" {
				continue
			}
			u, err := url.ParseRequestURI(entry.Target)
			require.NoError(t, err)
			x := record.Exchange{Status: entry.Status}
			x.Info, x.Method, x.Target = op.Parse(entry.Method, u), entry.Method, entry.Target
			log = append(log, x)
		}
		return log
	}
}
