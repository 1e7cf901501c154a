// Package plainjson encodes JSON for programs, not for HTML.
package plainjson

import (
	"bytes"
	"encoding/json"
)

// Marshal is [json.Marshal], but leaves <, > and & as they are.
func Marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
