// Package config reads fault rules and authentication options as text, in YAML or JSON.
// It is a package of its own so that a test that writes its rules in Go does not compile
// a YAML parser.
//
//	rules, err := config.Rules([]byte(`
//	- where: op=blob.get repo=lib/*
//	  after: 1
//	  do: [delay: 2s, status: 503]
//	`))
//	reg.Inject(t, rules...)
//
// A text is one document of at most 1 MiB in UTF-8, with lists and mappings at most 100
// deep. Anchors, aliases and tags are refused. Errors give the line and the column, and
// contain no secrets.
package config

import (
	"fmt"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/internal/yamltext"
)

// Rules reads a list of fault rules, or a single rule.
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
// [faults.Rule.UnmarshalJSON] documents the fields. Rules checks everything that can be
// checked without a registry; the names of rules must be unique.
func Rules(text []byte) ([]faults.Rule, error) {
	var rules ruleList
	if err := yamltext.Decode(text, &rules); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return rules, nil
}

// ruleList is a list of rules, or a single one, in JSON.
type ruleList []faults.Rule

func (l *ruleList) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		var rule faults.Rule
		err := strict.Decode(text, &rule)
		*l = ruleList{rule}
		return err
	}
	var rules []faults.Rule
	if err := strict.Decode(text, &rules); err != nil || len(rules) == 0 {
		return err
	}
	*l = rules
	names := map[string]bool{}
	for i, rule := range *l {
		if rule.Name != "" && names[rule.Name] {
			return &strict.Error{Path: []any{i}, Err: fmt.Errorf("rule %q: there is another one with this name", rule.Name)}
		}
		names[rule.Name] = true
	}
	return nil
}

// AuthOptions reads authentication options. The names of the fields are those of the
// JSON form.
//
//	users: {alice: secret, ci: hunter2}
//	rules:
//	- users: [alice]         # everything
//	- users: [ci]
//	  repos: [team/*]
//	  actions: [pull, push]
//	- actions: [pull]        # everybody, without a password too
//	  repos: [public/*]
//	token: {ttl: 5m}
//
// AuthOptions returns an error for everything that [auth.Options.UnmarshalJSON] refuses.
func AuthOptions(text []byte) (auth.Options, error) {
	var options auth.Options
	if err := yamltext.Decode(text, &options); err != nil {
		return auth.Options{}, fmt.Errorf("auth: %w", err)
	}
	return options, nil
}
