// Package jsonedit sets, drops and renames fields of JSON texts, and writes JSON texts. Everything
// that is not edited keeps its bytes: the order of fields, white space, and numbers of any length.
//
//	p, err := jsonedit.Parse(`manifests.*.annotations.org\.example\.key`)
//	text, ok := p.Set(text, []byte(`"value"`))
//
// Members reads the values of an object or a list without decoding them. ErrorCodes reads those of the body
// of an error.
package jsonedit

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxParts is the maximum number of parts of a path.
const maxParts = 32

// Path selects fields of objects and elements of lists.
//
// In text its parts are separated by dots. A part is the name of a field, the index of an element
// from 0, or "*" for all fields or elements. A backslash before ".", "*" or a backslash makes it
// part of a name:
//
//	manifests.0.artifactType
//	manifests.*.annotations.org\.opencontainers\.image\.created
type Path []part

// part is a step from a value to some of its fields or elements.
type part struct {
	name string // of a field, or the index of an element
	all  bool   // all fields or elements
}

// Parse parses a path. Errors have the position of the wrong character, from 1.
func Parse(text string) (Path, error) {
	if text == "" {
		return nil, errors.New("path is missing: want names, indexes and * with dots between them, such as manifests.0.artifactType")
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("path %q is not UTF-8, as every name in JSON is", text)
	}
	var path Path
	for at := 0; at <= len(text); {
		if len(path) == maxParts {
			return nil, pathError(text, at, fmt.Sprintf("a path has at most %d parts", maxParts))
		}
		p, end, err := parsePart(text, at)
		if err != nil {
			return nil, err
		}
		path = append(path, p)
		at = end + 1
	}
	return path, nil
}

// parsePart parses the part that begins at an offset, and returns the offset of its end.
func parsePart(text string, at int) (p part, end int, err error) {
	var name strings.Builder
	i := at
	for ; i < len(text) && text[i] != '.'; i++ {
		switch {
		case text[i] == '\\' && (i+1 == len(text) || strings.IndexByte(`.*\`, text[i+1]) < 0):
			return p, 0, pathError(text, i, `a backslash is only possible before ".", "*" and another backslash`)
		case text[i] == '\\':
			i++
		case text[i] == '*' && i == at && (i+1 == len(text) || text[i+1] == '.'):
			return part{all: true}, i + 1, nil
		case text[i] == '*':
			return p, 0, pathError(text, i, `"*" is only possible as a whole part; write \* for the character`)
		}
		name.WriteByte(text[i])
	}
	if i == at {
		return p, 0, pathError(text, i, `a part is empty: want a name, an index or "*"; write \. for a dot in a name`)
	}
	return part{name: name.String()}, i, nil
}

func pathError(text string, offset int, what string) error {
	return fmt.Errorf("path %q, position %d: %s", text, offset+1, what)
}
