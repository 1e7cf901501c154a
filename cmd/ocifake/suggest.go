package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// didYouMean returns ": did you mean this?" about those of the words that a word may
// be a misspelling of; empty if there is none.
func didYouMean(word string, words []string) string {
	var near []string
	least := min(2, len(word)/2) // changes of a letter
	for _, other := range words {
		switch d := distance(word, other); {
		case d < least:
			near, least = []string{other}, d
		case d == least:
			near = append(near, other)
		}
	}
	if near == nil {
		return ""
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}

// distance is how many letters have to be put in, left out or replaced to make one word
// of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// explainFlag adds to the error of a flag that does not exist which one may be meant.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w%s", err, didYouMean(unknown.GetSpecifiedName(), flagNames(cmd.Flags())))
	}
	return err
}

func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// noSuchCommand is the error of a word that is none of the commands below one.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), meantOrAll(args[0], names))
}

// onlyWords wants arguments that are among the valid ones of a command.
func onlyWords(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		known := false
		for _, word := range cmd.ValidArgs {
			known = known || arg == word
		}
		if !known {
			return fmt.Errorf("there is no %q to %s%s", arg, cmd.Name(), meantOrAll(arg, cmd.ValidArgs))
		}
	}
	return nil
}

// meantOrAll is didYouMean, or all words if nothing seems to be meant.
func meantOrAll(word string, words []string) string {
	if meant := didYouMean(word, words); meant != "" {
		return meant
	}
	return ": want one of " + strings.Join(words, ", ")
}
