package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/near"
)

// maxBody is how many bytes a body may have that is read as a whole.
const maxBody = 1 << 20

// readBody reads the body of a request.
func readBody(r *request) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, failf(http.StatusBadRequest, "the body cannot be read: %v", err)
	case len(text) > maxBody:
		return nil, failf(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	}
	return text, nil
}

// readObject reads the body as a JSON object into what its fields point to. It is
// strict: a field that is unknown, there twice or of another kind is an error. It
// returns the names of those that were there.
func readObject(r *request, fields map[string]any) (map[string]bool, error) {
	text, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return parseObject(text, fields)
}

func parseObject(text []byte, fields map[string]any) (map[string]bool, error) {
	p := &objectParser{text, json.NewDecoder(bytes.NewReader(text)), fields, map[string]bool{}}
	if t, err := p.Token(); err != nil || t != json.Delim('{') {
		return nil, p.syntax(0, err, "want a JSON object")
	}
	for p.More() {
		if err := p.field(); err != nil {
			return nil, err
		}
	}
	at := p.next()
	if _, err := p.Token(); err != nil {
		return nil, p.syntax(at, err, "")
	}
	at = p.next()
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return nil, p.syntax(at, nil, "there is more after the JSON object")
	}
	return p.there, nil
}

type objectParser struct {
	text []byte
	*json.Decoder
	fields map[string]any
	there  map[string]bool
}

func (p *objectParser) field() error {
	at := p.next()
	t, err := p.Token()
	if err != nil {
		return p.syntax(at, err, "")
	}
	name := t.(string) // else Token would have failed
	into, known := p.fields[name]
	switch {
	case !known:
		return p.place(at, wrong(name, "there is no such field: %s", near.Hint(name, slices.Sorted(maps.Keys(p.fields)))))
	case p.there[name]:
		return p.place(at, wrong(name, "it is there twice"))
	}
	p.there[name] = true
	at = p.next()
	var raw json.RawMessage
	if err := p.Decode(&raw); err != nil {
		return p.syntax(at, err, "")
	}
	if err := decodeStrictly(raw, into); err != nil {
		return p.place(at, wrong(name, "%v", err))
	}
	return nil
}

func decodeStrictly(raw json.RawMessage, into any) error {
	if string(raw) == "null" {
		return errors.New("it is null")
	}
	err := json.Unmarshal(raw, into)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("a JSON %s does not fit", mismatch.Value)
	}
	return err
}

// next is where what comes next begins.
func (p *objectParser) next() int {
	at := int(p.InputOffset())
	return len(p.text) - len(bytes.TrimLeft(p.text[at:], " \t\r\n,:"))
}

// syntax is about a body that is no JSON, or none of the kind that is wanted.
func (p *objectParser) syntax(at int, err error, message string) *failure {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, message = len(p.text), "the JSON ends too early"
	default:
		message = err.Error()
	}
	return p.place(at, failf(http.StatusBadRequest, "%s", message))
}

// place adds where it is.
func (p *objectParser) place(at int, f *failure) *failure {
	before := p.text[:at]
	f.Line = 1 + bytes.Count(before, []byte("\n"))
	f.Column = len(before) - bytes.LastIndexByte(before, '\n')
	return f
}
