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

// maxBody is the maximum size in bytes of a body that is read into memory.
const maxBody = 1 << 20

func readBody(r *request) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, failf(http.StatusBadRequest, "read the request body: %v", err)
	case len(text) > maxBody:
		return nil, failf(http.StatusRequestEntityTooLarge, "the request body exceeds %d bytes", maxBody)
	}
	return text, nil
}

// readObject decodes the body, a JSON object, into the values that fields points to. It refuses
// unknown fields, duplicate fields and fields of another type. It returns the names of the fields
// in the body.
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
		return nil, p.syntax(at, nil, "unexpected data after the JSON object")
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
	name := t.(string) // Token checks it
	into, known := p.fields[name]
	switch {
	case !known:
		return p.place(at, wrong(name, "unknown field: %s", near.Hint(name, slices.Sorted(maps.Keys(p.fields)))))
	case p.there[name]:
		return p.place(at, wrong(name, "duplicate field"))
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
		return errors.New("unexpected null")
	}
	err := json.Unmarshal(raw, into)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("unexpected JSON %s", mismatch.Value)
	}
	return err
}

// next returns the offset of the next token.
func (p *objectParser) next() int {
	at := int(p.InputOffset())
	return len(p.text) - len(bytes.TrimLeft(p.text[at:], " \t\r\n,:"))
}

// syntax returns the failure for a body that is not valid JSON, or not of the wanted type.
func (p *objectParser) syntax(at int, err error, message string) *failure {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, message = len(p.text), "unexpected end of JSON"
	default:
		message = err.Error()
	}
	return p.place(at, failf(http.StatusBadRequest, "%s", message))
}

// place adds the line and column of an offset.
func (p *objectParser) place(at int, f *failure) *failure {
	before := p.text[:at]
	f.Line = 1 + bytes.Count(before, []byte("\n"))
	f.Column = len(before) - bytes.LastIndexByte(before, '\n')
	return f
}
