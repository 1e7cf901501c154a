package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocifake/ocifake/internal/near"
)

// explainFlag adds a suggestion to the error of an unknown flag.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if mean := near.Mean(unknown.GetSpecifiedName(), flagNames(cmd.Flags())); mean != "" {
			return fmt.Errorf("%w: %s", err, mean)
		}
	}
	return err
}

func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// noSuchCommand returns the error for an unknown subcommand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return fmt.Errorf("unknown command %q for %q: %s", args[0], cmd.CommandPath(), near.Hint(args[0], names))
}

// onlyWords validates that the arguments are among the valid arguments of a command.
func onlyWords(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if !slices.Contains(cmd.ValidArgs, arg) {
			return fmt.Errorf("unknown argument %q for %s: %s", arg, cmd.Name(), near.Hint(arg, cmd.ValidArgs))
		}
	}
	return nil
}

// refuseUnknownHelp makes an unknown command an error of cobra's help command.
func refuseUnknownHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = func(_ *cobra.Command, args []string) error {
		of, rest, err := root.Find(args)
		return cmp.Or(noSuchCommand(of, rest), err)
	}
	root.RemoveCommand(help) // until ExecuteC adds it again
}
