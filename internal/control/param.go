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

// kind is the type of a parameter.
type kind struct {
	schema   map[string]any // in JSON Schema
	parse    func(string) (any, error)
	fallback any // the default value, or nil
}

// value parses a parameter. An empty value counts as missing.
func (p *param) value(text string, given bool) (any, error) {
	switch {
	case given && text != "":
		return p.kind.parse(text)
	case p.required || p.inPath:
		return nil, errors.New("missing parameter")
	}
	return p.kind.fallback, nil
}

// number is an integer within bounds, parsed to an int.
func number(least, most, fallback int) kind {
	schema := map[string]any{"type": "integer", "minimum": least, "maximum": most}
	if fallback != 0 {
		schema["default"] = fallback
	}
	return kind{schema, func(text string) (any, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("%q is not a number from %d to %d", text, least, most)
		}
		return n, nil
	}, fallback}
}

// sequence is the number of a request, or a position, parsed to a uint64.
var sequence = kind{map[string]any{"type": "integer", "minimum": 0}, func(text string) (any, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}, nil}

// anyText is any string.
var anyText = kind{map[string]any{"type": "string"}, func(text string) (any, error) { return text, nil }, nil}

// filters are read as []record.Filter.
var filters = kind{map[string]any{"type": "string"}, func(text string) (any, error) { return record.ParseFilters(text) }, nil}

// repository is the name of a repository.
var repository = kind{map[string]any{"type": "string"}, func(text string) (any, error) {
	if !op.ValidRepository(text) {
		return nil, fmt.Errorf("%q is not a valid repository name", text)
	}
	return text, nil
}, nil}

// reference is a tag or a digest.
var reference = kind{map[string]any{"type": "string"}, func(text string) (any, error) {
	if !op.ValidTag(text) && !op.ValidDigest(digest.Digest(text)) {
		return nil, fmt.Errorf("%q is neither a valid tag nor a digest", text)
	}
	return text, nil
}, nil}

// some is a comma-separated list of words, parsed to a []string.
func some(words ...string) kind {
	schema := map[string]any{
		"type": "string", "pattern": fmt.Sprintf("^(%[1]s)(,(%[1]s))*$", strings.Join(words, "|")),
		"default": strings.Join(words, ","),
	}
	return kind{schema, func(text string) (any, error) {
		chosen := strings.Split(text, ",")
		for _, word := range chosen {
			if !slices.Contains(words, word) {
				return nil, fmt.Errorf("unknown value %q: %s", word, near.Hint(word, words))
			}
		}
		return chosen, nil
	}, words}
}
