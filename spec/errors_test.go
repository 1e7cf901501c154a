package spec

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWarnings(t *testing.T) {
	for field, want := range map[string][]string{
		`299 - "one"`:                   {`299 - "one"`},
		`299 - "one", 299 - "two"`:      {`299 - "one"`, `299 - "two"`},
		`299 - "a, b" , 110 - "c"`:      {`299 - "a, b"`, `110 - "c"`},
		`299 - "\"a\", b",299 - "c"`:    {`299 - "\"a\", b"`, `299 - "c"`},
		`, 299 - "one",,`:               {`299 - "one"`},
		`299 - "open, 299 - \"closed\"`: {`299 - "open, 299 - \"closed\"`},
		`299 - "ends in \`:              {`299 - "ends in \`},
		`beware`:                        {`beware`},
		``:                              {``},
	} {
		assert.Equal(t, want, warnings(field), field)
	}
}
