package jsonedit

import (
	"bytes"
	"encoding/json"
)

// ErrorCodes returns the error codes in a body ("Error Codes" of the distribution
// specification), up to the first thing that is malformed: the body may be incomplete.
func ErrorCodes(body []byte) []string {
	d := json.NewDecoder(bytes.NewReader(body))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		if name == "errors" {
			return errorCodes(d)
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return nil
		}
	}
	return nil
}

func errorCodes(d *json.Decoder) []string {
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return nil
	}
	var codes []string
	for d.More() {
		var e struct{ Code string }
		if d.Decode(&e) != nil {
			break
		}
		if e.Code != "" {
			codes = append(codes, e.Code)
		}
	}
	return codes
}
