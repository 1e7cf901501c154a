package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/must"
)

// JSONLWriter writes exchanges as JSON Lines while they come in: one object a
// line, as [Exchange.MarshalJSON] has it. It is safe for concurrent use.
type JSONLWriter struct {
	mu sync.Mutex
	w  io.Writer
	e  *encoder
}

// NewJSONLWriter returns a writer of JSON Lines to w.
func NewJSONLWriter(w io.Writer) *JSONLWriter {
	must.NotNil("record: NewJSONLWriter: w", w)
	return &JSONLWriter{w: w, e: newEncoder()}
}

// Write writes the line of one exchange, in one call of the underlying Write.
func (j *JSONLWriter) Write(x Exchange) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.e.Reset()
	if err := j.e.exchange(&x); err != nil {
		return fmt.Errorf("record: write JSON Lines: %w", err)
	}
	j.e.WriteByte('\n')
	if _, err := j.w.Write(j.e.Bytes()); err != nil {
		return fmt.Errorf("record: write JSON Lines: exchange %d: %w", x.Seq, err)
	}
	return nil
}

// WriteJSONL writes the log as JSON Lines, one exchange a line; see
// [Exchange.MarshalJSON] for the names of the fields.
func (l Log) WriteJSONL(w io.Writer) error {
	must.NotNil("record: Log.WriteJSONL: w", w)
	j := NewJSONLWriter(w)
	for i := range l {
		if err := j.Write(l[i]); err != nil {
			return err
		}
	}
	return nil
}

// ReadJSONL reads JSON Lines that [Log.WriteJSONL] or a [JSONLWriter] wrote, and
// sorts them by Seq. It is strict, and its errors name the line and the field;
// what was read before the error is returned with it. Times come back in UTC.
//
// A line is at most 32 MiB long, and a log that would take more than about 2 GiB
// of memory, some 300,000 exchanges, is an error.
func ReadJSONL(r io.Reader) (Log, error) {
	must.NotNil("record: ReadJSONL: r", r)
	return readJSONL(r, defaultLimits)
}

func readJSONL(r io.Reader, max limits) (Log, error) {
	var log Log
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, max.entry)
	number := 1
	for ; lines.Scan(); number++ {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		x, err := parseLine(line, &max)
		if err != nil {
			return log.sorted(), fmt.Errorf("record: read JSON Lines: line %d: %w", number, err)
		}
		log = append(log, x)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("is longer than %d bytes", max.entry)
		}
		return log.sorted(), fmt.Errorf("record: read JSON Lines: line %d: %w", number, err)
	}
	return log.sorted(), nil
}

func parseLine(line []byte, max *limits) (Exchange, error) {
	var x Exchange
	if err := max.spend(line); err != nil {
		return x, err
	}
	if !utf8.Valid(line) {
		return x, errors.New("is not UTF-8")
	}
	return x, decodeExchange(line, &x)
}

// sorted puts exchanges into the order in which they began: a file that was
// written while recording is in the order in which they ended.
func (l Log) sorted() Log {
	sort.SliceStable(l, func(i, j int) bool { return l[i].Seq < l[j].Seq })
	return l
}
