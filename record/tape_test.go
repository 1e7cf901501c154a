package record_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file in testdata.
func golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o666))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "make it with -update")
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
}

// began is when the first request of a tape came.
var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tape makes a log by hand: each request follows the one before and takes 2 ms.
type tape struct {
	host string
	log  record.Log
	now  time.Duration
}

func newTape() *tape { return &tape{host: "127.0.0.1:40001"} }

// fields is a header: "Name: value" each.
func fields(list []string) http.Header {
	h := http.Header{}
	for _, field := range list {
		name, value, _ := strings.Cut(field, ": ")
		h.Add(name, value)
	}
	return h
}

// add puts an exchange on the tape; the fields are those of the request, and those
// of the answer after a "<". What it returns may be changed until the next.
func (p *tape) add(request string, status int, list ...string) *record.Exchange {
	method, target, _ := strings.Cut(request, " ")
	var ask, answer []string
	for _, field := range list {
		if bare, ok := strings.CutPrefix(field, "< "); ok {
			answer = append(answer, bare)
		} else {
			ask = append(ask, field)
		}
	}
	r := httptest.NewRequest(method, target, nil)
	r.Host, r.Header = p.host, fields(ask)
	x := asked(r)
	x.Seq, x.Conn, x.InFlight = uint64(len(p.log)+1), 1, 1
	x.Start, x.Duration = began.Add(p.now), 2*time.Millisecond
	x.Status, x.ResponseHeader = status, fields(answer)
	p.log = append(p.log, x)
	p.now += 3 * time.Millisecond
	return &p.log[len(p.log)-1]
}

// asked returns an exchange with what is known of a request before it is answered.
func asked(r *http.Request) record.Exchange {
	_, state := inflight.Begin(r)
	return record.Exchange{
		Info: *state.Info(), Learned: state.Learned(),
		Host: r.Host, Target: r.RequestURI, Proto: r.Proto, Secure: r.TLS != nil, Header: r.Header,
	}
}

func digestOf(content string) digest.Digest { return digest.FromString(content) }

func blobURL(content string) string { return "/v2/app/blobs/" + string(digestOf(content)) }

// manifest lists contents.
func manifest(contents ...string) string {
	var list []string
	for _, content := range contents {
		list = append(list, fmt.Sprintf(`{"digest":%q}`, digestOf(content)))
	}
	return `{"layers":[` + strings.Join(list, ",") + `]}`
}
