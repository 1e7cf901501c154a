package record

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/redact"
)

// ReadHAR reads an HTTP Archive. For an archive that [Log.WriteHAR] wrote, it returns the same
// log, sorted by Seq, with times in UTC. From archives of browsers and proxies, it takes the
// method, the URL, headers, bodies, times and connections. It numbers their exchanges in the
// order in which they began, and redacts credentials, with fingerprints that hold for this archive.
//
// An error names the entry and the field, and comes with the exchanges that were read before
// it. An entry longer than 32 MiB is an error, and so is a log that needs more than about
// 2 GiB of memory, some 300,000 exchanges.
func ReadHAR(r io.Reader) (Log, error) {
	must.NotNil("record: ReadHAR: r", r)
	return readHAR(r, defaultLimits)
}

func readHAR(r io.Reader, max limits) (Log, error) {
	h := newHARReader(r, max)
	err := h.archive()
	if err != nil {
		err = fmt.Errorf("record: read HAR: %w", err)
	}
	if h.foreign {
		return h.exchanges.renumbered(), err
	}
	return h.exchanges.sorted(), err
}

// harReader holds no more of an archive than one value of it.
type harReader struct {
	in    *bounded
	json  *json.Decoder
	max   limits
	conns map[string]uint64 // of foreign entries, by the names they have there

	redactor redact.Redactor // of foreign entries

	exchanges Log
	foreign   bool // not all are ours
}

func newHARReader(r io.Reader, max limits) *harReader {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		b.Discard(len(mark)) // cannot fail: it was peeked
	}
	in := &bounded{r: b, left: max.entry}
	return &harReader{in: in, json: json.NewDecoder(in), max: max, conns: map[string]uint64{}, redactor: redact.New()}
}

// archive reads the whole: {"log":{"entries":[…]}}.
func (h *harReader) archive() error {
	found := false
	err := h.members(func(name string) error {
		if name != "log" {
			return h.skip(name)
		}
		found = true
		return h.log()
	})
	if err != nil {
		return err
	}
	if !found {
		return errors.New(`there is no "log" in it`)
	}
	if _, err := h.json.Token(); err != io.EOF {
		return errors.New("there is more after the archive")
	}
	return nil
}

func (h *harReader) log() error {
	found := false
	err := h.members(func(name string) error {
		if name != "entries" {
			return h.skip(name)
		}
		found = true
		return h.entries()
	})
	if err == nil && !found {
		return errors.New(`there are no "entries" in the log`)
	}
	return err
}

func (h *harReader) entries() error {
	if err := expect(h.json, '['); err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	number := 1
	for ; h.json.More(); number++ {
		if err := h.entry(); err != nil {
			return fmt.Errorf("entry %d: %w", number, err)
		}
	}
	if err := expect(h.json, ']'); err != nil {
		return fmt.Errorf("entry %d: %w", number, err)
	}
	return nil
}

func (h *harReader) entry() error {
	raw, err := h.value()
	if err != nil {
		return err
	}
	if err := h.max.spend(raw); err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return errors.New("is not UTF-8")
	}
	var e harEntry
	if err := unmarshal(raw, &e); err != nil {
		return err
	}
	read := h.foreignExchange
	if len(e.Ocifake) > 0 {
		read = ownExchange
	}
	x, err := read(&e)
	if err != nil {
		return err
	}
	h.exchanges = append(h.exchanges, x)
	return nil
}

// members calls read for each member of an object, to read its value.
func (h *harReader) members(read func(name string) error) error {
	if err := expect(h.json, '{'); err != nil {
		return err
	}
	for h.json.More() {
		h.in.left = h.max.entry
		token, err := h.json.Token()
		if err != nil {
			return readable(err)
		}
		if err := read(token.(string)); err != nil { // the decoder lets nothing else be a name
			return err
		}
	}
	return expect(h.json, '}')
}

func (h *harReader) skip(name string) error {
	if _, err := h.value(); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

func (h *harReader) value() (json.RawMessage, error) {
	h.in.left = h.max.entry
	var raw json.RawMessage
	if err := h.json.Decode(&raw); err != nil {
		return nil, readable(err)
	}
	return raw, nil
}

// bounded ends with an error when more is read of one value than is allowed.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("a value is too long")
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// ownExchange joins what [Log.WriteHAR] has split.
func ownExchange(e *harEntry) (Exchange, error) {
	var x Exchange
	if err := new(decoder).exchange(e.Ocifake, &x); err != nil {
		return x, fmt.Errorf("_ocifake: %w", err)
	}
	if x.Header == nil {
		x.Header = joined(e.Request.Header)
	}
	if x.ResponseHeader == nil {
		x.ResponseHeader = joined(e.Response.Header)
	}
	return x, e.bodies(&x)
}

// bodies decodes both bodies of the entry.
func (e *harEntry) bodies(x *Exchange) (err error) {
	if p := e.Request.Posted; p != nil {
		if x.RequestBody, err = decodeContent(p.Text, p.Encoding); err != nil {
			return fmt.Errorf("request.postData.text: %w", err)
		}
	}
	c := &e.Response.Content
	if x.ResponseBody, err = decodeContent(c.Text, c.Encoding); err != nil {
		return fmt.Errorf("response.content.text: %w", err)
	}
	return nil
}

func decodeContent(text *string, encoding string) ([]byte, error) {
	switch {
	case text == nil:
		return nil, nil
	case encoding == "base64":
		return base64.StdEncoding.DecodeString(*text)
	case encoding == "":
		return []byte(*text), nil
	}
	return nil, fmt.Errorf("unknown encoding %q", encoding)
}

// joined is the opposite of pairs.
func joined(list []harPair) http.Header {
	if len(list) == 0 {
		return nil
	}
	h := http.Header{}
	for _, p := range list {
		h[p.Name] = append(h[p.Name], p.Value)
	}
	return h
}
