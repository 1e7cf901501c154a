package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/ocifake/ocifake/internal/jsonedit"
)

// decoder decodes exchanges. It keeps short texts, of which most are those of many exchanges. It is
// not safe for concurrent use.
type decoder struct {
	texts  map[string]string
	names  []string // of the header that is being decoded
	values []string // one for each
}

// The bounds of what a decoder keeps.
const (
	maxText  = 128 // bytes of a text
	maxTexts = 4096
)

// text returns a string with these bytes.
func (d *decoder) text(b []byte) string {
	if len(b) > maxText {
		return string(b)
	}
	if s, ok := d.texts[string(b)]; ok {
		return s
	}
	if d.texts == nil {
		d.texts = map[string]string{}
	}
	if len(d.texts) >= maxTexts {
		clear(d.texts)
	}
	s := string(b)
	d.texts[s] = s
	return s
}

// exchange sets the fields of x that the object has.
func (d *decoder) exchange(data []byte, x *Exchange) error {
	data = bytes.TrimSpace(data)
	if !jsonedit.Valid(data) {
		return invalid(data)
	}
	if data[0] != '{' {
		return fmt.Errorf("there is %c in place of %q", data[0], "{")
	}
	var seen [len(fields)]bool
	next := 0 // fields are written in order
	err := jsonedit.Members(data, func(name []byte, raw json.RawMessage) error {
		for next < len(fields) && fields[next].name != string(name) {
			next++
		}
		if next == len(fields) {
			next = slices.IndexFunc(fields[:], func(f field) bool { return f.name == string(name) })
		}
		switch {
		case next < 0:
			return fmt.Errorf("unknown field %q", name)
		case seen[next]:
			return fmt.Errorf("field %q is there twice", name)
		}
		seen[next] = true
		if err := fields[next].set(d, x, raw); err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range fields {
		if fields[i].required && !seen[i] {
			return fmt.Errorf("field %q is missing", fields[i].name)
		}
	}
	return nil
}

// portable reads what the function portable returns.
func (d *decoder) portable(raw json.RawMessage) (string, error) {
	if s, ok := jsonedit.Unescaped(raw); ok {
		return d.text(s), nil
	}
	if raw[0] != '{' {
		var s string
		err := unmarshal(raw, &s)
		return s, err
	}
	var b binary
	if err := unmarshal(raw, &b); err != nil {
		return "", err
	}
	if len(b) != 1 || b["base64"] == nil {
		return "", errors.New(`want a string, or an object with nothing but "base64"`)
	}
	return string(b["base64"]), nil
}

// portables reads what the function portables returns.
func (d *decoder) portables(raw json.RawMessage) ([]string, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '[' {
		return nil, unmarshal(raw, new([]json.RawMessage))
	}
	list := []string{}
	err := jsonedit.Members(raw, func(_ []byte, raw json.RawMessage) error {
		s, err := d.portable(raw)
		if err != nil {
			return fmt.Errorf("%d: %w", len(list), err)
		}
		list = append(list, s)
		return nil
	})
	return list, err
}

// body reads the bytes of a body.
func (d *decoder) body(raw json.RawMessage) ([]byte, error) {
	plain, ok := jsonedit.Unescaped(raw)
	switch {
	case !ok:
		s, err := d.portable(raw)
		return []byte(s), err
	case len(plain) == len(raw)-len(`""`): // a part of raw
		return append([]byte{}, plain...), nil
	}
	return plain, nil
}

// header reads the fields of a header. Those with one value, nearly all, have their lists in one
// array.
func (d *decoder) header(raw json.RawMessage) (http.Header, error) {
	if raw[0] != '{' {
		return nil, unmarshal(raw, new(map[string]json.RawMessage))
	}
	h := http.Header{}
	d.names, d.values = d.names[:0], d.values[:0]
	err := jsonedit.Members(raw, func(bytes []byte, raw json.RawMessage) error {
		name := d.text(bytes)
		if element, ok := jsonedit.Only(raw); ok {
			if s, ok := jsonedit.Unescaped(element); ok {
				d.names, d.values = append(d.names, name), append(d.values, d.text(s))
				delete(h, name) // the last one counts
				return nil
			}
		}
		list, err := d.portables(raw)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		d.drop(name)
		h[name] = list
		return nil
	})
	if err != nil {
		return nil, err
	}
	values := slices.Clone(d.values)
	for i, name := range d.names {
		h[name] = values[i : i+1 : i+1]
	}
	return h, nil
}

// drop drops a field of the header that is being decoded.
func (d *decoder) drop(name string) {
	for i := slices.Index(d.names, name); i >= 0; i = slices.Index(d.names, name) {
		d.names, d.values = slices.Delete(d.names, i, i+1), slices.Delete(d.values, i, i+1)
	}
}

// unmarshal is json.Unmarshal with errors that speak of JSON rather than Go.
func unmarshal(raw json.RawMessage, to any) error {
	if string(raw) == "null" {
		return errors.New("is null")
	}
	return readable(json.Unmarshal(raw, to))
}

func readable(err error) error {
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field != "":
		return fmt.Errorf("%s: a JSON %s does not fit %s", mismatch.Field, mismatch.Value, mismatch.Type)
	case errors.As(err, &mismatch):
		return fmt.Errorf("a JSON %s does not fit %s", mismatch.Value, mismatch.Type)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	}
	return err
}

// instant reads a time of which every time zone knows the year.
func instant(raw json.RawMessage) (time.Time, error) {
	var t time.Time
	if raw[0] != '"' || t.UnmarshalJSON(raw) != nil {
		if err := unmarshal(raw, &t); err != nil {
			return time.Time{}, err
		}
	}
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("the year %d is out of range", t.Year())
	}
	return t, nil
}
