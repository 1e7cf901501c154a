package registrytest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ocifake/ocifake/record"
)

// shownJournal remembers how much of the journal a test has shown.
type shownJournal struct {
	quiet bool
	end   atomic.Uint64 // number of the last request, and 1
}

// set is told that the journal of a log is shown.
func (s *shownJournal) set(log record.Log) { s.end.Store(lastSeq(log) + 1) }

// all tells whether there is nothing more to show.
func (s *shownJournal) all(log record.Log) bool { return s.quiet || s.end.Load() == lastSeq(log)+1 }

func lastSeq(log record.Log) uint64 {
	if len(log) == 0 {
		return 0
	}
	return log[len(log)-1].Seq
}

// logJournal writes the journal to the log of a test that has failed, unless a
// failed assertion has shown it all.
func (r *Registry) logJournal(t testing.TB) {
	t.Helper()
	if !t.Failed() {
		return
	}
	log := r.recorder.Log()
	if r.shown.all(log) {
		return
	}
	text := "journal of " + r.URL()
	if dropped := r.recorder.Dropped(); dropped > 0 {
		text += fmt.Sprintf(", of a record that is not complete: %d dropped", dropped)
	}
	t.Log(text + ":\n" + log.Journal() + r.refused())
}

// maxRefused is how many refused connections are shown.
const maxRefused = 10

// refused lists the connections that were refused before they carried a request.
func (r *Registry) refused() string {
	var lines []string
	for _, c := range r.Connections() {
		if c.Requests == 0 && c.Error != "" {
			lines = append(lines, unused(c)+"\n")
		}
	}
	if more := len(lines) - maxRefused; more > 0 {
		lines = append(lines[:maxRefused], fmt.Sprintf("… %d more\n", more))
	}
	return strings.Join(lines, "")
}

// unused says why a connection carried no request.
func unused(c record.Connection) string {
	text := fmt.Sprintf("connection %d without a request", c.ID)
	if c.Error != "" {
		text += ": " + c.Error
	}
	return text
}
