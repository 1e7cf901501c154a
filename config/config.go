// Package config reads configuration as text: rules of faults, options of auth, and
// the settings of the ocifake binary, in YAML or JSON. It is the only package that
// reads YAML, so that a test that writes its rules in Go does not compile a parser.
//
//	rules, err := config.Rules([]byte(`
//	- where: op=blob.get repo=lib/*
//	  after: 1
//	  do: [delay: 2s, status: 503]
//	`))
//	err = reg.Inject(t, rules...)
//
// A text is one document of at most 1 MiB in UTF-8, with lists and mappings at most
// 100 deep. Anchors, aliases and tags are refused. Errors are an [*Error] with line
// and column wherever the text has a place for them, and have no secrets.
package config

import (
	"fmt"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/strict"
)

// Rules reads a list of rules, or a single one.
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
// [faults.Rule.UnmarshalJSON] has the fields. Everything is checked that can be
// without a registry, and names must differ.
func Rules(text []byte) ([]faults.Rule, error) {
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	var rules ruleList
	if err := d.decode(&rules); err != nil {
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

// Auth reads options of authentication, with the names that the fields have in JSON.
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
// What [auth.Options.UnmarshalJSON] refuses is an error.
func AuthOptions(text []byte) (auth.Options, error) {
	d, err := parse(text)
	if err != nil {
		return auth.Options{}, fmt.Errorf("auth: %w", err)
	}
	var options auth.Options
	if err := d.decode(&options); err != nil {
		return auth.Options{}, fmt.Errorf("auth: %w", err)
	}
	return options, nil
}
