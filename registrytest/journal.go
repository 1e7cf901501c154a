package registrytest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

// shownJournal remembers how much of the journal a test has shown.
type shownJournal struct {
	mu  sync.Mutex
	end uint64     // number of the last request, and 1
	by  testing.TB // that has shown it
}

// set notes that a test shows the journal of a log.
func (s *shownJournal) set(t testing.TB, log record.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end, s.by = lastSeq(log)+1, t
}

// all reports whether there is nothing more to show.
func (s *shownJournal) all(log record.Log) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end == lastSeq(log)+1
}

// above reports whether the same test has shown it all.
func (s *shownJournal) above(t testing.TB, log record.Log) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by == t && s.end == lastSeq(log)+1
}

func lastSeq(log record.Log) uint64 {
	if len(log) == 0 {
		return 0
	}
	return log[len(log)-1].Seq
}

// journal returns the journal of all requests, with the marks of a verdict, for the
// message of a test that fails. It is there once: if the test has shown the same
// journal before, the message names the marked requests only.
func (rs recorded) journal(t testing.TB, v *verdict, log record.Log) string {
	above := true
	for _, r := range rs {
		own := r.recorder.Log()
		above = above && r.shown.above(t, own)
		r.shown.set(t, own)
	}
	marked := record.Log{}
	for i := range log {
		if v.mark != nil && v.mark(&log[i]) {
			marked = append(marked, log[i])
		}
	}
	switch {
	case above && len(marked) > 0:
		return fmt.Sprintf("journal: see above; %s: %s\n", seqs(marked), v.say)
	case above:
		return "journal: see above\n"
	case len(marked) > 0:
		return "journal, > " + v.say + ":\n" + rs.named(log).JournalMarking(v.mark) + rs.refused() + rs.explained(log)
	}
	return "journal:\n" + rs.named(log).Journal() + rs.refused() + rs.explained(log)
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
	text := "journal of " + r.title()
	if r.profile != nil {
		text += ", profile " + r.profile.Name
	}
	if dropped := r.recorder.Dropped(); dropped > 0 {
		text += fmt.Sprintf(", of a record that is not complete: %d dropped", dropped)
	}
	of := recorded{r}
	t.Log(text + ":\n" + of.named(log).Journal() + of.refused() + of.explained(log))
}

// title is the name of the registry in messages.
func (r *Registry) title() string {
	if r.name == "" {
		return r.URL()
	}
	return r.name + " (" + r.URL() + ")"
}

// refused lists the connections that were refused before they carried a request.
func (rs recorded) refused() string {
	var connections []record.Connection
	for _, r := range rs {
		connections = append(connections, r.Connections()...)
	}
	return recorder.Refused(connections)
}
