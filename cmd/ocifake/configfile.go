package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/yamltext"
)

// readConfig sets flags from a YAML file of names and values. Flags of the command line take
// precedence.
func readConfig(ctx context.Context, path string, flags *pflag.FlagSet) error {
	text, err := readFile(ctx, path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	settings, err := yamltext.Settings(text)
	if err != nil {
		return fmt.Errorf("--config %s: %w", path, err)
	}
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	for i := range settings {
		setting := &settings[i]
		if err := setFlag(flags, given, setting); err != nil {
			return fmt.Errorf("--config %s: %w", path, setting.Error(err))
		}
	}
	return nil
}

func setFlag(flags *pflag.FlagSet, given map[string]bool, setting *yamltext.Setting) error {
	f := flags.Lookup(setting.Name)
	switch {
	case f == nil:
		if mean := near.Mean(setting.Name, flagNames(flags)); mean != "" {
			return errors.New("unknown flag: " + mean)
		}
		return errors.New("unknown flag; see --help")
	case setting.Name == "config" || setting.Name == "help":
		return errors.New("this flag is not allowed in a file; see --help")
	}
	if given[setting.Name] {
		return nil
	}
	if setting.List && !isRepeatable(f.Value) && len(setting.Values) != 1 {
		return fmt.Errorf("want one value, not a list of %d", len(setting.Values))
	}
	for _, value := range setting.Values {
		if err := flags.Set(setting.Name, value); err != nil {
			return err
		}
	}
	return nil
}

// isRepeatable reports whether a flag is repeatable.
func isRepeatable(value pflag.Value) bool {
	switch value.(type) {
	case *texts, *loads, *generates, *expectations, *ignoredRules, *hostList, *passList:
		return true
	}
	return false
}
