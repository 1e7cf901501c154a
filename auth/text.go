package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ParseOptions reads options from YAML or JSON, with the names that the fields have
// in JSON, but durations are text: "5m", "1h30m". Errors name line and column, and
// no password. What is wrong with options that are readable is an error, too, other
// than in an htpasswd file.
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
func ParseOptions(text []byte) (Options, error) {
	var o Options
	file, err := parser.ParseBytes(text, 0)
	if err == nil {
		err = checkFile(file)
	}
	if err == nil {
		err = yaml.UnmarshalWithOptions(text, &o, yaml.Strict())
	}
	var detailed yaml.Error
	if errors.As(err, &detailed) && detailed.GetToken() != nil && detailed.GetToken().Position != nil {
		err = at(detailed.GetToken(), detailed.GetMessage())
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return Options{}, fmt.Errorf("auth: %w", err)
	}
	return o, nil
}

func at(t *token.Token, message string) error {
	if t == nil {
		return errors.New(message)
	}
	return fmt.Errorf("line %d, column %d: %s", t.Position.Line, t.Position.Column, message)
}

// checkFile finds what decoding would not, or would not say where.
func checkFile(file *ast.File) error {
	if len(file.Docs) > 1 {
		return at(file.Docs[1].Start, "a second document: want one")
	}
	for _, name := range []string{"$.token.ttl", "$.token.skew"} {
		path, err := yaml.PathString(name)
		if err != nil {
			return err
		}
		node, err := path.FilterFile(file)
		if err != nil {
			continue // it is not there, or what it is in is no mapping, which decoding says
		}
		if _, err := time.ParseDuration(node.GetToken().Value); err != nil {
			return at(node.GetToken(), "want a duration with its unit, as 90s, 5m or 1h30m")
		}
	}
	return nil
}
