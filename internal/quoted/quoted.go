// Package quoted writes quoted strings of HTTP header fields.
package quoted

import "strings"

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// String returns a text as a quoted-string (RFC 9110, section 5.6.4).
func String(text string) string { return `"` + escapes.Replace(text) + `"` }
