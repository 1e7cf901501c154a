package auth

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
)

// ParseOptions reads options from YAML or JSON, with the names that the fields have
// in JSON. Durations are "5m" or "1h". Errors name line and column.
//
//	users: {alice: secret, ci: hunter2}
//	rules:
//	- users: [alice]
//	- users: [ci]
//	  repos: [team/*]
//	  actions: [pull, push]
//	- actions: [pull]        # everybody, without a password too
//	  repos: [public/*]
//	token: {ttl: 5m}
func ParseOptions(text []byte) (Options, error) {
	var o Options
	err := yaml.UnmarshalWithOptions(text, &o, yaml.Strict())
	var detailed yaml.Error
	if errors.As(err, &detailed) && detailed.GetToken() != nil && detailed.GetToken().Position != nil {
		p := detailed.GetToken().Position
		err = fmt.Errorf("line %d, column %d: %s", p.Line, p.Column, detailed.GetMessage())
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return Options{}, fmt.Errorf("auth: %w", err)
	}
	return o, nil
}
