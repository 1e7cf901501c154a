package record_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
)

// Lines are below each other, as far as can be known; a column that is too narrow
// is wider from then on.
func TestJournalWriter(t *testing.T) {
	p := newTape()
	p.add("GET /v2/", 200)
	x := p.add("GET /v2/app/manifests/v1", 404)
	x.Codes, x.Conn = []string{"MANIFEST_UNKNOWN"}, 2
	p.add("GET /v2/a/repository/with/a/very/long/name/manifests/v1", 200)
	x = p.add("GET /v2/", 200)
	x.Start = p.log[0].Start.Add(-time.Second) // it began before, and ended after
	var text strings.Builder
	w := record.NewJournalWriter(&text)
	for _, x := range p.log {
		require.NoError(t, w.Write(x))
	}
	golden(t, "journalwriter", text.String())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestJournalWriterThatCannotWrite(t *testing.T) {
	p := newTape()
	p.add("GET /v2/", 200)
	assert.ErrorContains(t, record.NewJournalWriter(broken{}).Write(p.log[0]), "no room")
}
