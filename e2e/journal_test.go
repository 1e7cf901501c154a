package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/op"
	"github.com/stretchr/testify/require"
)

// exchange is a request and how it was answered.
type exchange struct {
	op.Info
	url    *url.URL
	status int
	header http.Header // of the answer; nil if it is not known
}

// journal knows the exchanges between a client and a registry.
type journal interface {
	exchanges(t *testing.T) []exchange
}

// find returns the exchanges of an operation in a repository with a status.
func (s *session) find(o op.Op, repo string, status int) []exchange {
	s.t.Helper()
	return slices.DeleteFunc(s.journal.exchanges(s.t), func(x exchange) bool {
		return x.Op != o || x.Repo != repo || x.status != status
	})
}

// noted are the exchanges that pass a transport.
type noted struct {
	http.RoundTripper

	mu  sync.Mutex
	all []exchange
}

func (n *noted) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := n.RoundTripper.RoundTrip(req)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all = append(n.all, exchange{op.Parse(req.Method, req.URL), req.URL, res.StatusCode, res.Header.Clone()})
	}
	return res, err
}

func (n *noted) exchanges(*testing.T) []exchange {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

// logged are the exchanges in a debug log of the binary, the file of that name.
// An exchange is written down before the client has the end of the answer.
type logged string

func (l logged) exchanges(t *testing.T) []exchange {
	t.Helper()
	text, err := os.ReadFile(string(l))
	require.NoError(t, err)
	var all []exchange
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // being written
		}
		var record struct {
			Msg, Method, Target string
			Status              int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record.Msg != "request" {
			continue
		}
		u, err := url.ParseRequestURI(record.Target)
		require.NoError(t, err)
		all = append(all, exchange{Info: op.Parse(record.Method, u), url: u, status: record.Status})
	}
	return all
}
