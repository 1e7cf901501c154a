package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Select returns the statements whose labels match a filter, in the order of
// [Statements]: "MUST && v1.1 && !ours", "end-12a || (push && SHOULD)". A filter is a
// label, without regard to case, or filters with !, &&, ||, or commas, which are the
// same as ||, and parentheses. An empty filter matches all. It returns an error if the
// filter cannot be read, or has a label that no statement has.
func Select(filter string) ([]Statement, error) {
	if strings.TrimSpace(filter) == "" {
		return Statements(), nil
	}
	p := &filterParser{rest: filter, labels: map[string]bool{}}
	all := statements()
	labels := make([][]string, len(all)) // of each, in lower case
	for i, s := range all {
		for _, label := range s.Labels() {
			label = strings.ToLower(label)
			labels[i], p.labels[label] = append(labels[i], label), true
		}
	}
	matches, err := p.any()
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("unexpected %q", p.peek())
	}
	if err != nil {
		return nil, fmt.Errorf("spec: label filter %q: %w", filter, err)
	}
	var selected []Statement
	for i, s := range all {
		if matches(labels[i]) {
			selected = append(selected, s)
		}
	}
	return selected, nil
}

// labelFilter reports whether labels, in lower case, match.
type labelFilter func(labels []string) bool

// filterParser parses a filter, which binds as in Go: !, &&, ||.
type filterParser struct {
	rest   string
	depth  int
	labels map[string]bool // in lower case
}

// maxDepth is how deeply a filter may be nested.
const maxDepth = 100

func (p *filterParser) any() (labelFilter, error) {
	return p.list((*filterParser).all, func(a, b bool) bool { return a || b }, "||", ",")
}

func (p *filterParser) all() (labelFilter, error) {
	return p.list((*filterParser).one, func(a, b bool) bool { return a && b }, "&&")
}

// list parses operands with an operator between them.
func (p *filterParser) list(operand func(*filterParser) (labelFilter, error), join func(a, b bool) bool, operators ...string) (labelFilter, error) {
	left, err := operand(p)
	for err == nil && slices.Contains(operators, p.peek()) {
		p.next()
		var right labelFilter
		before := left
		right, err = operand(p)
		left = func(labels []string) bool { return join(before(labels), right(labels)) }
	}
	return left, err
}

func (p *filterParser) one() (labelFilter, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	switch token := p.next(); token {
	case "!":
		operand, err := p.one()
		return func(labels []string) bool { return !operand(labels) }, err
	case "(":
		inner, err := p.any()
		if err == nil && p.next() != ")" {
			err = errors.New("want a closing parenthesis")
		}
		return inner, err
	case "", ")", "&&", "||", ",":
		return nil, fmt.Errorf("want a label, got %q", token)
	default:
		label := strings.ToLower(token)
		if !p.labels[label] {
			return nil, fmt.Errorf("no statement has the label %q", token)
		}
		return func(labels []string) bool { return slices.Contains(labels, label) }, nil
	}
}

// operators are the tokens that are not labels. A single & or | is one that is out of
// place everywhere.
var operators = []string{"&&", "||", "!", "(", ")", ",", "&", "|"}

func (p *filterParser) peek() string {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	for _, operator := range operators {
		if strings.HasPrefix(p.rest, operator) {
			return operator
		}
	}
	if end := strings.IndexAny(p.rest, "&|!(), \t\n"); end >= 0 {
		return p.rest[:end]
	}
	return p.rest
}

func (p *filterParser) next() string {
	token := p.peek()
	p.rest = p.rest[len(token):]
	return token
}
