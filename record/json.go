package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MarshalJSON returns the exchange as one JSON object, which is also its form in
// JSON Lines and in the field "_ocifake" of a HAR entry. The names are those of
// the fields of Exchange:
//
//	seq, attempt, conn, connSeq, remote, start, inFlight
//	elapsedNanos, connAgeNanos, firstNanos, durationNanos
//	tls: an object of version, serverName, client
//	op, method, repo, alias, tag, tags, digest, algorithm, session, from, namespace,
//	allow, prefix, verified, staleState
//	host, target, proto, secure, header
//	scheme, subject, scopes, requestBytes, requestBody, requestBodyCut
//	status, responseHeader, responseBytes, responseBody, responseBodyCut, codes
//	open, left, cut, faults, delayed, traits, served, upstreamError
//
// start is in RFC 3339, in UTC; names that end with Nanos are in nanoseconds;
// a header is an object of lists. Bodies are strings. A string that is not valid UTF-8 is the
// object {"base64": "…"}, except the name of a header field, which is always ASCII. Fields
// with their zero value are omitted, except seq, start, op, method and status.
func (x Exchange) MarshalJSON() ([]byte, error) {
	e := newEncoder()
	if err := e.exchange(&x); err != nil {
		return nil, err
	}
	return e.Bytes(), nil
}

// UnmarshalJSON reads the form that MarshalJSON writes. An unknown, missing or duplicate
// field, or one of another type, is an error that names it.
func (x *Exchange) UnmarshalJSON(data []byte) error {
	*x = Exchange{}
	return new(decoder).exchange(data, x)
}

// encoder appends compact JSON to a buffer.
type encoder struct {
	bytes.Buffer
	json *json.Encoder
}

func newEncoder() *encoder {
	e := &encoder{}
	e.json = json.NewEncoder(&e.Buffer)
	e.json.SetEscapeHTML(false)
	return e
}

func (e *encoder) value(v any) error {
	if err := e.json.Encode(v); err != nil {
		return err
	}
	e.Truncate(e.Len() - len("\n"))
	return nil
}

func (e *encoder) exchange(x *Exchange) error {
	separator := byte('{')
	for i := range fields {
		value, zero := fields[i].get(x)
		if zero && !fields[i].required {
			continue
		}
		e.WriteByte(separator)
		separator = ','
		e.WriteByte('"')
		e.WriteString(fields[i].name)
		e.WriteString(`":`)
		if err := e.value(value); err != nil {
			return fmt.Errorf("exchange %d: field %q: %w", x.Seq, fields[i].name, err)
		}
	}
	e.WriteByte('}')
	return nil
}

// invalid says what is wrong with a text that is not one JSON value.
func invalid(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return readable(err)
	}
	return errors.New("there is more after the object")
}

// expect reads a delimiter.
func expect(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	if err != nil {
		return readable(err)
	}
	if token != want {
		return fmt.Errorf("there is %v in place of %q", token, want.String())
	}
	return nil
}
