package httpfield

import "strings"

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Quote returns a text as a quoted-string (RFC 9110, section 5.6.4).
func Quote(text string) string { return `"` + escapes.Replace(text) + `"` }
