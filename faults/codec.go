package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/ocifake/ocifake/internal/yamlbound"
	"github.com/ocifake/ocifake/op"
)

// ruleText is a rule in JSON and YAML, but for what it does.
type ruleText struct {
	Name        string   `json:"name,omitempty"`
	Where       string   `json:"where,omitempty"` // see op.ParseFilters
	Connect     bool     `json:"connect,omitempty"`
	After       int      `json:"after,omitempty"`
	Every       int      `json:"every,omitempty"`
	Times       int      `json:"times,omitempty"`
	For         duration `json:"for,omitempty"`
	Until       string   `json:"until,omitempty"` // see op.ParseFilters
	Probability float64  `json:"probability,omitempty"`
	Seed        uint64   `json:"seed,omitempty"`
	Continue    bool     `json:"continue,omitempty"`
	Optional    bool     `json:"optional,omitempty"`
	BeforeAuth  bool     `json:"beforeAuth,omitempty"`
	Disabled    bool     `json:"disabled,omitempty"`
	Preset      string   `json:"preset,omitempty"`

	Do  []effectText `json:"do,omitempty"`
	Seq []effectText `json:"seq,omitempty"`
}

const (
	doField  = "do"
	seqField = "seq"
)

// ParseRules reads rules from YAML or JSON: a list of them, or a single one.
//
//	# rules.yaml
//	- name: slow-start
//	  where: op=blob.get repo=lib/*
//	  after: 1
//	  times: 2
//	  do:
//	    - delay: 2s
//	    - status: {code: 503, retryAfter: 1s}
//	- where: op=upload.chunk
//	  seq: [pass, {reset: {after: 65536, request: true}}, lose-upload]
//
// The fields of a rule are name, where and until (filters, see [op.ParseFilters]),
// connect, after, every, times, for, probability, seed, continue, optional,
// beforeAuth, disabled, and do or seq, which are lists of effects. An effect is
// its name, or its name with its arguments: those of [Kinds].
//
// Errors name line and column, and the field. Everything is checked that can be
// without an engine, and names must differ.
func ParseRules(text []byte) ([]Rule, error) {
	if len(text) > yamlbound.MaxBytes {
		return nil, fmt.Errorf("faults: rules of %d bytes: want %d at most", len(text), yamlbound.MaxBytes)
	}
	rules, err := parseRules(text)
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	return rules, nil
}

func parseRules(text []byte) ([]Rule, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("rules are not in UTF-8")
	}
	tokens := lexer.Tokenize(string(withoutTabs(text)))
	if err := checkBounds(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, plain(err)
	}
	if len(file.Docs) > 1 {
		return nil, at(file.Docs[1].Body, errors.New("there is more than one document: write all rules as one list"))
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	body := file.Docs[0].Body
	if err := noAliases(body); err != nil {
		return nil, err
	}
	nodes := []ast.Node{body}
	if list, ok := body.(*ast.SequenceNode); ok {
		nodes = list.Values
	} else if _, ok := body.(*ast.NullNode); ok {
		return nil, nil
	}
	var rules []Rule
	names := map[string]bool{}
	for _, node := range nodes {
		rule, err := parseRule(node)
		if err != nil {
			return nil, err
		}
		if rule.Name != "" && names[rule.Name] {
			return nil, at(node, fmt.Errorf("rule %q: there is another one with this name", rule.Name))
		}
		names[rule.Name] = true
		rules = append(rules, rule)
	}
	return rules, nil
}

// noAliases refuses YAML's references, with which a small text can be a huge one.
func noAliases(node ast.Node) error {
	var found ast.Node
	ast.Walk(visit(func(n ast.Node) {
		switch n.(type) {
		case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
			found = n
		}
	}), node)
	if found != nil {
		return at(found, errors.New("anchors and aliases are not read here"))
	}
	return nil
}

type visit func(ast.Node)

func (v visit) Visit(n ast.Node) ast.Visitor {
	v(n)
	return v
}

func parseRule(node ast.Node) (Rule, error) {
	pairs, err := pairsOf(node, "a rule")
	if err != nil {
		return Rule{}, err
	}
	var text ruleText
	var effects, steps []Effect
	fieldAt := map[string]ast.Node{}
	for _, pair := range pairs {
		key := keyOf(pair)
		fieldAt[key] = pair.Value
		switch key {
		case doField:
			effects, err = parseEffects(pair.Value, key)
		case seqField:
			steps, err = parseEffects(pair.Value, key)
		default:
			err = decodeField(pair, &text)
		}
		if err != nil {
			return Rule{}, err
		}
	}
	rule := text.rule(effects, steps)
	for _, f := range []struct {
		name, text string
		into       *[]op.Filter
	}{{"where", text.Where, &rule.Filters}, {"until", text.Until, &rule.When.Until}} {
		if *f.into, err = op.ParseFilters(f.text); err != nil {
			return Rule{}, at(fieldAt[f.name], fmt.Errorf("%s: %w", f.name, err))
		}
	}
	if err := rule.Check(); err != nil {
		if rule.Name != "" {
			err = fmt.Errorf("rule %q: %w", rule.Name, err)
		}
		return Rule{}, at(node, err)
	}
	return rule, nil
}

func (t ruleText) rule(effects, steps []Effect) Rule {
	return Rule{
		Name:    t.Name,
		Connect: t.Connect,
		When: When{
			After: t.After, Every: t.Every, Times: t.Times, For: time.Duration(t.For),
			Probability: t.Probability, Seed: t.Seed,
		},
		Effects: effects,
		Steps:   steps,
		Flags:   Flags{Continue: t.Continue, Optional: t.Optional, BeforeAuth: t.BeforeAuth, Disabled: t.Disabled},
		Preset:  t.Preset,
	}
}

func parseEffects(node ast.Node, field string) ([]Effect, error) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return nil, at(node, fmt.Errorf("%s: want a list of effects", field))
	}
	var effects []Effect
	for _, item := range list.Values {
		e, err := parseEffect(item)
		if err != nil {
			return nil, err
		}
		effects = append(effects, e)
	}
	return effects, nil
}

// parseEffect reads "name", or {name: arguments}.
func parseEffect(node ast.Node) (Effect, error) {
	if name, ok := node.(*ast.StringNode); ok {
		return decodeEffect(arguments{name.Value, node, nil})
	}
	pairs, err := pairsOf(node, "an effect")
	if err != nil {
		return nil, err
	}
	if len(pairs) != 1 {
		return nil, at(node, fmt.Errorf("an effect has one name, not %d: write each as an item of the list", len(pairs)))
	}
	return decodeEffect(arguments{keyOf(pairs[0]), pairs[0], pairs[0].Value})
}

func decodeEffect(from arguments) (Effect, error) {
	table := kinds()
	i := slices.IndexFunc(table, func(k kind) bool { return k.name == from.effect })
	if i < 0 {
		names := make([]string, len(table))
		for i, k := range table {
			names[i] = k.name
		}
		return nil, at(from.node, fmt.Errorf("there is no effect %q: want one of %s", from.effect, strings.Join(names, ", ")))
	}
	return table[i].decode(from)
}

func decodeAll(from arguments) (Effect, error) {
	if from.value == nil {
		return nil, at(from.node, errors.New("all: want a list of effects"))
	}
	effects, err := parseEffects(from.value, from.effect)
	return all{effects}, err
}

// arguments are those of an effect in text.
type arguments struct {
	effect string
	node   ast.Node // for messages
	value  ast.Node // nil: none were given
}

// none refuses arguments.
func (a arguments) none() error {
	if _, null := a.value.(*ast.NullNode); a.value == nil || null {
		return nil
	}
	if m, ok := a.value.(*ast.MappingNode); ok && len(m.Values) == 0 {
		return nil
	}
	return at(a.value, fmt.Errorf("%s has no arguments", a.effect))
}

// into decodes the arguments. A bare value is that of the main argument.
func (a arguments) into(target any, main string) error {
	switch value := a.value.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		return a.fields(value.Values, target)
	case *ast.MappingValueNode:
		return a.fields([]*ast.MappingValueNode{value}, target)
	case *ast.SequenceNode:
		return at(a.value, fmt.Errorf("%s: want its arguments by name, not a list", a.effect))
	}
	if main == "" {
		return at(a.value, fmt.Errorf("%s: want its arguments by name", a.effect))
	}
	key := ast.String(token.New(main, main, a.value.GetToken().Position))
	return a.fields([]*ast.MappingValueNode{ast.MappingValue(a.value.GetToken(), key, a.value)}, target)
}

func (a arguments) fields(pairs []*ast.MappingValueNode, target any) error {
	for _, pair := range pairs {
		if err := decodeField(pair, target); err != nil {
			return err
		}
	}
	return nil
}

// decodeField sets the field of a struct that a pair is for.
func decodeField(pair *ast.MappingValueNode, target any) error {
	if err := suits(target, keyOf(pair), pair.Value); err != nil {
		return at(pair.Value, fmt.Errorf("%s: %w", keyOf(pair), err))
	}
	one := ast.Mapping(pair.GetToken(), false, ast.MappingValue(pair.Start, pair.Key, alone(pair.Value)))
	if err := yaml.NodeToValue(one, target, yaml.Strict()); err != nil {
		return at(pair.Key, fmt.Errorf("%s: %w", keyOf(pair), message(err)))
	}
	return nil
}

func pairsOf(node ast.Node, what string) ([]*ast.MappingValueNode, error) {
	switch m := node.(type) {
	case *ast.MappingNode:
		return m.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, nil
	}
	return nil, at(node, fmt.Errorf("want %s, with names and values", what))
}

func keyOf(pair *ast.MappingValueNode) string {
	if s, ok := pair.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return pair.Key.String()
}

// UnmarshalJSON implements [json.Unmarshaler]; see [ParseRules].
func (r *Rule) UnmarshalJSON(text []byte) error {
	rules, err := ParseRules(text)
	if err != nil {
		return err
	}
	if len(rules) != 1 {
		return fmt.Errorf("faults: want one rule, not %d", len(rules))
	}
	*r = rules[0]
	return nil
}

// MarshalJSON implements [json.Marshaler]. It fails if one of the filters has no
// text, as one made by [op.Match], or if something in it is not UTF-8.
func (r Rule) MarshalJSON() ([]byte, error) {
	where, err := filterText(r.Filters)
	if err != nil {
		return nil, fmt.Errorf("faults: rule %q: %w", r.Name, err)
	}
	until, err := filterText(r.When.Until)
	if err != nil {
		return nil, fmt.Errorf("faults: rule %q: %w", r.Name, err)
	}
	w, f := r.When, r.Flags
	text, err := json.Marshal(ruleText{
		Name: r.Name, Where: where, Connect: r.Connect,
		After: w.After, Every: w.Every, Times: w.Times, For: duration(w.For), Until: until,
		Probability: w.Probability, Seed: w.Seed,
		Continue: f.Continue, Optional: f.Optional, BeforeAuth: f.BeforeAuth, Disabled: f.Disabled, Preset: r.Preset,
		Do: textsOf(r.Effects), Seq: textsOf(r.Steps),
	})
	if err != nil {
		return nil, fmt.Errorf("faults: rule %q: %w", r.Name, err)
	}
	if lossy(text) {
		return nil, fmt.Errorf("faults: rule %q has bytes that are not UTF-8, and so no text", r.Name)
	}
	return text, nil
}

func filterText(filters []op.Filter) (string, error) {
	texts := make([]string, len(filters))
	for i, f := range filters {
		texts[i] = f.String()
	}
	text := strings.Join(texts, " ")
	_, err := op.ParseFilters(text)
	return text, err
}

// effectText is an effect in JSON.
type effectText struct{ effect Effect }

func textsOf(effects []Effect) []effectText {
	texts := make([]effectText, len(effects))
	for i, e := range effects {
		texts[i].effect = e
	}
	return texts
}

// MarshalJSON implements [json.Marshaler].
func (t effectText) MarshalJSON() ([]byte, error) {
	for _, k := range kinds() {
		if k.name != t.effect.kind() {
			continue
		}
		if k.encode == nil {
			return json.Marshal(k.name)
		}
		return json.Marshal(map[string]any{k.name: k.encode(t.effect)})
	}
	return nil, fmt.Errorf("effect %s has no text", t.effect.kind())
}
