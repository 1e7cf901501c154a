package control

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// param is a parameter of a route.
type param struct {
	name     string
	doc      string
	inPath   bool
	required bool
	kind     kind
}

// kind is what a parameter may be.
type kind struct {
	schema   map[string]any // as JSON Schema has it
	parse    func(string) (any, error)
	fallback any // the value if it is not given; nil: none
}

// value reads a parameter; an empty one is as good as none.
func (p *param) value(text string, given bool) (any, error) {
	switch {
	case given && text != "":
		return p.kind.parse(text)
	case p.required || p.inPath:
		return nil, errors.New("it is missing")
	}
	return p.kind.fallback, nil
}

// number is a whole number within bounds, read as an int.
func number(least, most, fallback int) kind {
	schema := map[string]any{"type": "integer", "minimum": least, "maximum": most}
	if fallback != 0 {
		schema["default"] = fallback
	}
	return kind{schema, func(text string) (any, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("%q is no number from %d to %d", text, least, most)
		}
		return n, nil
	}, fallback}
}

// sequence is the number of a request, or a place in an order, read as a uint64.
var sequence = kind{map[string]any{"type": "integer", "minimum": 0}, func(text string) (any, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no whole number", text)
	}
	return n, nil
}, nil}

// anyText is a text.
var anyText = kind{map[string]any{"type": "string"}, func(text string) (any, error) { return text, nil }, nil}

// recordFilters and requestFilters are those on what is on record, and on requests
// alone; read as []record.Filter.
var (
	recordFilters  = filterKind(record.ParseFilters)
	requestFilters = filterKind(func(text string) ([]record.Filter, error) { return record.ParseFilters(text) })
)

func filterKind(parse func(string) ([]record.Filter, error)) kind {
	return kind{map[string]any{"type": "string"}, func(text string) (any, error) { return parse(text) }, nil}
}

// repository is a name of a repository.
var repository = kind{map[string]any{"type": "string"}, func(text string) (any, error) {
	if !op.ValidRepository(text) {
		return nil, fmt.Errorf("%q is no name of a repository", text)
	}
	return text, nil
}, nil}

// reference is a tag or a digest.
var reference = kind{map[string]any{"type": "string"}, func(text string) (any, error) {
	if !op.ValidTag(text) && !op.ValidDigest(digest.Digest(text)) {
		return nil, fmt.Errorf("%q is neither a tag nor a digest", text)
	}
	return text, nil
}, nil}

// some are one or more of a few words, with commas between them, read as a []string.
func some(words ...string) kind {
	schema := map[string]any{
		"type": "string", "pattern": fmt.Sprintf("^(%[1]s)(,(%[1]s))*$", strings.Join(words, "|")),
		"default": strings.Join(words, ","),
	}
	return kind{schema, func(text string) (any, error) {
		chosen := strings.Split(text, ",")
		for _, word := range chosen {
			if !slices.Contains(words, word) {
				return nil, fmt.Errorf("there is no %q: %s", word, near.Hint(word, words))
			}
		}
		return chosen, nil
	}, words}
}
