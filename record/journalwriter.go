package record

import (
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/must"
)

// JournalWriter writes the lines of a journal while exchanges come in, below a
// heading. The columns are as wide as is usual; one that turns out to be too narrow
// is wider from then on. "at" is the time since the first one began. It is safe for
// concurrent use.
type JournalWriter struct {
	mu     sync.Mutex
	w      io.Writer
	start  time.Time // of the first exchange
	widths []int
}

// NewJournalWriter returns a writer of a journal to w.
func NewJournalWriter(w io.Writer) *JournalWriter {
	must.NotNil("record: NewJournalWriter: w", w)
	return &JournalWriter{w: w}
}

// usual are the widths of the columns before anything is known; without one, a
// column is left out.
var usual = map[string]int{"#": 4, "at": 5, "op": 13, "what": 24, "status": 6, "in": 7, "out": 7, "time": 5, "conn": 4}

// Write writes the line of one exchange, in one call of the underlying Write.
func (j *JournalWriter) Write(x Exchange) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text strings.Builder
	if j.widths == nil {
		j.start = x.Start
		j.begin(&text)
	}
	page := journal{log: Log{{Start: j.start}}}
	page.add(&x, false)
	for i, cell := range page.lines[0] {
		j.widths[i] = max(j.widths[i], utf8.RuneCountInString(cell))
	}
	writeLine(&text, page.lines[0], j.widths)
	_, err := io.WriteString(j.w, text.String())
	return err
}

func (j *JournalWriter) begin(text *strings.Builder) {
	heading := make([]string, len(journalColumns))
	j.widths = make([]int, len(journalColumns))
	for i, column := range journalColumns {
		if j.widths[i] = usual[column.name]; j.widths[i] > 0 {
			heading[i] = column.name
		}
	}
	j.widths[0] = 1
	writeLine(text, heading, j.widths)
}
