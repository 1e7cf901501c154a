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
	"strings"
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
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, syntax(text, d, err, "want a JSON object")
	}
	there := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, syntax(text, d, err, "")
		}
		name := t.(string) // or else Token would have failed
		into, known := fields[name]
		switch {
		case !known:
			return nil, place(text, d, wrong(name, "there is no such field: want %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
		case there[name]:
			return nil, place(text, d, wrong(name, "it is there twice"))
		}
		there[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, syntax(text, d, err, "")
		}
		if err := decodeStrictly(raw, into); err != nil {
			return nil, place(text, d, wrong(name, "%v", err))
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, syntax(text, d, err, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, syntax(text, d, nil, "there is more after the JSON object")
	}
	return there, nil
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

// syntax is about a body that is no JSON, or none of the kind that is wanted.
func syntax(text []byte, d *json.Decoder, err error, message string) *failure {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		message = "the JSON ends too early"
	default:
		message = err.Error()
	}
	return place(text, d, failf(http.StatusBadRequest, "%s", message))
}

// place adds where the decoder stands.
func place(text []byte, d *json.Decoder, f *failure) *failure {
	before := text[:min(int(d.InputOffset()), len(text))]
	f.Line = 1 + bytes.Count(before, []byte("\n"))
	f.Column = 1 + len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return f
}
