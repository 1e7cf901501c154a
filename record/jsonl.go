package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/must"
)

// WriteJSONL writes the log as JSON Lines, one exchange per line and per call of Write.
// [Exchange.MarshalJSON] documents the fields.
func (l Log) WriteJSONL(w io.Writer) error {
	must.NotNil("record: Log.WriteJSONL: w", w)
	e := newEncoder()
	for i := range l {
		e.Reset()
		if err := e.exchange(&l[i]); err != nil {
			return fmt.Errorf("record: write JSON Lines: %w", err)
		}
		e.WriteByte('\n')
		if _, err := w.Write(e.Bytes()); err != nil {
			return fmt.Errorf("record: write JSON Lines: exchange %d: %w", l[i].Seq, err)
		}
	}
	return nil
}

// ReadJSONL reads JSON Lines that [Log.WriteJSONL] wrote, and sorts the exchanges by Seq.
// Times are in UTC. An error names the line and the field, and comes with the exchanges that
// were read before it.
//
// A line longer than 32 MiB is an error, and so is a log that needs more than about 2 GiB of
// memory, some 300,000 exchanges.
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
