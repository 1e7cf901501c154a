// Package yamltext reads and writes YAML. It is the only package of the module that does,
// so that a test that writes its rules in Go does not compile a YAML parser.
//
// A text is one document of at most 1 MiB in UTF-8, with lists and mappings at most 100
// deep, in YAML or JSON. Anchors, aliases and tags are refused. Errors are an [*Error]
// with line and column where the text has a place for them, and contain no secrets.
package yamltext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/internal/strict"
)

const maxText = 1 << 20 // bytes

var errAnchor = errors.New("anchors and aliases are not allowed here")

// document is a text as JSON.
type document struct {
	json []byte
	root *yaml.Node // of a text that is not JSON itself
}

// parse reads YAML or JSON.
func parse(text []byte) (*document, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	switch {
	case len(text) > maxText:
		return nil, fmt.Errorf("%d bytes of text: want %d at most", len(text), maxText)
	case !utf8.Valid(text):
		return nil, errors.New("the text is not UTF-8")
	case json.Valid(text):
		return &document{json: text}, nil
	}
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := writeJSON(&out, root, 0); err != nil {
		return nil, err
	}
	return &document{out.Bytes(), root}, nil
}

// Decode decodes a text into a value, as strict.Decode decodes JSON. An empty document
// changes nothing.
func Decode(text []byte, into any) error {
	d, err := parse(text)
	if err != nil {
		return err
	}
	return d.place(strict.Decode(d.json, into))
}

// parseYAML returns the value of the only document in a text, null if there is none.
func parseYAML(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}, nil
	} else if err != nil {
		return nil, syntax(err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, at(&second, errors.New("there is a second document: want one"))
	case !errors.Is(err, io.EOF):
		return nil, syntax(err)
	}
	return first.Content[0], nil
}

// writeJSON writes a node as JSON.
func writeJSON(out *bytes.Buffer, n *yaml.Node, depth int) error {
	switch {
	case depth > strict.MaxDepth:
		return at(n, fmt.Errorf("more than %d lists and mappings in each other", strict.MaxDepth))
	case n.Kind == yaml.AliasNode || n.Anchor != "" || n.Tag == "!!merge":
		return at(n, errAnchor)
	case n.Style&yaml.TaggedStyle != 0:
		return at(n, errors.New("tags are not allowed here"))
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeJSON(out, item, depth+1); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case yaml.MappingNode:
		return writeObject(out, n, depth)
	}
	return writeScalar(out, n)
}

func writeObject(out *bytes.Buffer, n *yaml.Node, depth int) error {
	out.WriteByte('{')
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind == yaml.AliasNode || key.Anchor != "" || key.Tag == "!!merge":
			return at(key, errAnchor)
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			return at(key, errors.New("a name must be text: write it in quotes if it is a number, true, false or null"))
		}
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeText(out, key.Value); err != nil {
			return at(key, err)
		}
		out.WriteByte(':')
		if err := writeJSON(out, value, depth+1); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

// writeScalar writes null, true, false, numbers and text.
func writeScalar(out *bytes.Buffer, n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		out.WriteString("null")
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return at(n, errors.New("want true or false"))
		}
		out.WriteString(strconv.FormatBool(b))
	case "!!int", "!!float":
		number, err := number(n)
		if err != nil {
			return at(n, err)
		}
		out.WriteString(number)
	default: // text, and dates
		if err := writeText(out, n.Value); err != nil {
			return at(n, err)
		}
	}
	return nil
}

// number returns a number as JSON writes it, as it stands if that is JSON.
func number(n *yaml.Node) (string, error) {
	if json.Valid([]byte(n.Value)) {
		return n.Value, nil
	}
	var i int64
	if n.Decode(&i) == nil && n.ShortTag() == "!!int" {
		return strconv.FormatInt(i, 10), nil
	}
	var f float64
	if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return "", errors.New("want a finite number")
	}
	return strconv.FormatFloat(f, 'g', -1, 64), nil
}

func writeText(out *bytes.Buffer, text string) error {
	quoted, err := json.Marshal(text)
	out.Write(quoted)
	return err
}
