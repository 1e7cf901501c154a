package record

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"runtime"
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
// were read before it. That of a last line that is not complete is [ErrCut].
//
// A line longer than 32 MiB is an error, and so is a log that needs more than about 2 GiB of
// memory, some 300,000 exchanges: [ScanJSONL] has no such limit.
func ReadJSONL(r io.Reader) (Log, error) {
	must.NotNil("record: ReadJSONL: r", r)
	return readJSONL(r, defaultLimits)
}

func readJSONL(r io.Reader, max limits) (Log, error) {
	var log Log
	for x, err := range scanJSONL(r, max) {
		if err != nil {
			return log.sorted(), fmt.Errorf("record: read JSON Lines: %w", err)
		}
		log = append(log, *x.Exchange)
	}
	return log.sorted(), nil
}

// ErrCut is the error of JSON Lines whose last line is not complete, because the program that
// wrote it was ended.
var ErrCut = errors.New("is cut")

// ScanJSONL reads JSON Lines that [Log.WriteJSONL] wrote, one exchange after the other, in
// bounded memory. A file that was written while recording is in the order in which exchanges
// ended: ScanJSONL holds up to 10,000 exchanges of at most 64 MiB to yield them in the order of
// Seq. One that comes even later is out of order.
//
// An error is the last that is yielded. It is like that of [ReadJSONL], after all exchanges that
// were read before it.
func ScanJSONL(r io.Reader) iter.Seq2[*Exchange, error] {
	must.NotNil("record: ScanJSONL: r", r)
	return func(yield func(*Exchange, error) bool) {
		limits := defaultLimits
		limits.log = math.MaxInt64
		var o order
		for x, err := range scanJSONL(r, limits) {
			if err != nil {
				_ = o.flush(yield) && yield(nil, fmt.Errorf("record: read JSON Lines: %w", err))
				return
			}
			if !o.add(x, yield) {
				return
			}
		}
		o.flush(yield)
	}
}

// scanned is an exchange and the length of its line.
type scanned struct {
	*Exchange
	length int
}

// scanJSONL yields the exchanges of JSON Lines in the order of the lines. It decodes blocks of
// lines side by side.
func scanJSONL(r io.Reader, max limits) iter.Seq2[scanned, error] {
	return func(yield func(scanned, error) bool) {
		lines := newLines(r, max)
		var blocks, free []*block
		defer func() {
			for _, b := range blocks {
				<-b.done
			}
		}()
		for {
			for !lines.over && len(blocks) <= runtime.GOMAXPROCS(0) {
				b := new(block)
				if n := len(free); n > 0 {
					b, free = free[n-1], free[:n-1]
				}
				lines.read(b)
				blocks = append(blocks, b)
				go b.decode()
			}
			if len(blocks) == 0 {
				return
			}
			next := blocks[0]
			<-next.done
			blocks = blocks[1:]
			for _, x := range next.exchanges {
				if !yield(x, nil) {
					return
				}
			}
			if next.err != nil {
				yield(scanned{}, next.err)
				return
			}
			free = append(free, next)
		}
	}
}

// lines reads lines.
type lines struct {
	*bufio.Scanner
	max    limits
	number int // of the next line
	over   bool
}

func newLines(r io.Reader, max limits) *lines {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, min(readSize, max.entry)), max.entry)
	s.Split(splitLines)
	return &lines{Scanner: s, max: max, number: 1}
}

// readSize is the number of bytes that are read at a time.
const readSize = 64 << 10

// blockSize is about the number of bytes in a block.
const blockSize = 256 << 10

// block is some lines and what they have.
type block struct {
	text      []byte
	ends      []int // of the lines in the text
	first     int   // number of the first line
	exchanges []scanned
	err       error         // of what follows the exchanges
	done      chan struct{} // closed when they are decoded
	decoder
}

// read reads the next lines into a block, in place of those that it has.
func (l *lines) read(b *block) {
	clear(b.exchanges)
	b.text, b.ends, b.exchanges = b.text[:0], b.ends[:0], b.exchanges[:0]
	b.first, b.err, b.done = l.number, nil, make(chan struct{})
	for len(b.text) < blockSize {
		if !l.Scan() {
			l.over = true
			if b.err = l.Err(); errors.Is(b.err, bufio.ErrTooLong) {
				b.err = fmt.Errorf("is longer than %d bytes", l.max.entry)
			}
			break
		}
		if len(bytes.TrimSpace(l.Bytes())) > 0 {
			if b.err = l.max.spend(l.Bytes()); b.err != nil {
				l.over = true
				break
			}
		}
		b.text = append(b.text, l.Bytes()...)
		b.ends = append(b.ends, len(b.text))
		l.number++
	}
	if b.err != nil {
		b.err = fmt.Errorf("line %d: %w", l.number, b.err)
	}
}

// decode decodes the lines, up to the first that is wrong.
func (b *block) decode() {
	defer close(b.done)
	start := 0
	for i, end := range b.ends {
		line := b.text[start:end]
		start = end
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		x, err := b.parseLine(line)
		switch {
		case err == nil:
			b.exchanges = append(b.exchanges, scanned{x, len(line)})
			continue
		case line[len(line)-1] != '\n' && isCut(line):
			b.err = fmt.Errorf("line %d %w", b.first+i, ErrCut)
		default:
			b.err = fmt.Errorf("line %d: %w", b.first+i, err)
		}
		return
	}
}

// splitLines is [bufio.ScanLines] that leaves the end of the line in it.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if n := bytes.IndexByte(data, '\n') + 1; n > 0 {
		return n, data[:n], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// isCut reports whether a line is the beginning of an exchange.
func isCut(line []byte) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	var raw json.RawMessage
	return errors.Is(d.Decode(&raw), io.ErrUnexpectedEOF) && line[0] == '{'
}

// The bounds of what [ScanJSONL] holds to sort exchanges.
const (
	maxUnordered      = 10_000
	maxUnorderedBytes = 64 << 20
)

// order holds exchanges until it is their turn.
type order struct {
	held  byNumber
	bytes int
	next  uint64 // the Seq after the latest that was yielded
}

// add adds an exchange, and yields those whose turn has come. It reports whether to go on.
func (o *order) add(x scanned, yield func(*Exchange, error) bool) bool {
	if len(o.held) == 0 && x.Seq <= max(o.next, 1) {
		o.next = max(o.next, x.Seq+1)
		return yield(x.Exchange, nil)
	}
	heap.Push(&o.held, x)
	o.bytes += x.length
	for len(o.held) > 0 && (o.held[0].Seq <= max(o.next, 1) || len(o.held) > maxUnordered || o.bytes > maxUnorderedBytes) {
		if !o.yield(yield) {
			return false
		}
	}
	return true
}

// flush yields all that is held.
func (o *order) flush(yield func(*Exchange, error) bool) bool {
	for len(o.held) > 0 {
		if !o.yield(yield) {
			return false
		}
	}
	return true
}

func (o *order) yield(yield func(*Exchange, error) bool) bool {
	x := heap.Pop(&o.held).(scanned)
	o.bytes -= x.length
	o.next = max(o.next, x.Seq+1)
	return yield(x.Exchange, nil)
}

// byNumber is a heap of exchanges by Seq.
type byNumber []scanned

func (h byNumber) Len() int           { return len(h) }
func (h byNumber) Less(i, j int) bool { return h[i].Seq < h[j].Seq }
func (h byNumber) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byNumber) Push(x any)        { *h = append(*h, x.(scanned)) }

func (h *byNumber) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = scanned{}
	*h = (*h)[:last]
	return x
}

func (d *decoder) parseLine(line []byte) (*Exchange, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("is not UTF-8")
	}
	x := new(Exchange)
	return x, d.exchange(line, x)
}

// sorted puts exchanges into the order in which they began: a file that was
// written while recording is in the order in which they ended.
func (l Log) sorted() Log {
	sort.SliceStable(l, func(i, j int) bool { return l[i].Seq < l[j].Seq })
	return l
}
