package yamltext

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Setting is a name with its values.
type Setting struct {
	Name   string
	Values []string
	List   bool // the values stand in a list

	key *yaml.Node
}

// Error returns an error about the setting, with its place in the text.
func (s *Setting) Error(err error) error {
	return &Error{Line: s.key.Line, Column: s.key.Column, Field: s.Name, Err: err}
}

// Settings reads names and values: text, a number, true or false, or a list of
// those.
//
//	addr: 127.0.0.1:5000
//	tls: true
//	load: [images/, app.tar]
func Settings(text []byte) ([]Setting, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	root := d.root
	if root == nil { // JSON has its places as YAML, too
		if root, err = parseYAML(text); err != nil {
			return nil, err
		}
	}
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, at(root, errors.New("want names and values"))
	}
	var all []Setting
	seen := map[string]bool{}
	for i := 0; i < len(root.Content); i += 2 {
		s := Setting{Name: root.Content[i].Value, key: root.Content[i]}
		if seen[s.Name] {
			return nil, s.Error(errors.New("it is there twice"))
		}
		seen[s.Name] = true
		if err := s.read(root.Content[i+1]); err != nil {
			return nil, s.Error(err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (s *Setting) read(value *yaml.Node) error {
	values := []*yaml.Node{value}
	if s.List = value.Kind == yaml.SequenceNode; s.List {
		values = value.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" {
			return fmt.Errorf("want text, a number, true or false")
		}
		s.Values = append(s.Values, v.Value)
	}
	return nil
}
