package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/filter"
)

// completion returns the completions of a word.
type completion = func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeFlag completes the values of a flag.
func completeFlag(cmd *cobra.Command, flag string, f completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag does not exist
	}
}

// completeFiles leaves the completion of file names to the shell.
var completeFiles = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)

// completeFilters completes the last filter: its name, or the name of an operation.
func completeFilters(_ *cobra.Command, _ []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := begin[:strings.LastIndexByte(begin, ' ')+1]
	word := begin[len(before):]
	if equals := strings.LastIndexAny(word, "=,") + 1; equals > 0 {
		if name := strings.TrimLeft(word, "!"); !strings.HasPrefix(name, "op=") && !strings.HasPrefix(name, "op!=") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		before += word[:equals]
		return startingWith(begin, before, filter.Operations()), cobra.ShellCompDirectiveNoFileComp
	}
	if strings.HasPrefix(word, "!") {
		before += "!"
	}
	var names []string
	for _, t := range filter.Terms() {
		names = append(names, t.Begin())
	}
	return startingWith(begin, before, names), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// startingWith returns the names that start with begin, each prefixed with before.
func startingWith(begin, before string, names []string) []cobra.Completion {
	var found []cobra.Completion
	for _, name := range names {
		if strings.HasPrefix(before+name, begin) {
			found = append(found, before+name)
		}
	}
	return found
}

// completeKnown completes the names of known faults.
func completeKnown(_ *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return knownFrom(begin, ""), cobra.ShellCompDirectiveNoFileComp
}

// completeKnownOrFile completes known:NAME, and leaves file names to the shell.
func completeKnownOrFile(_ *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) > 0:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case strings.HasPrefix(begin, knownPrefix):
		return knownFrom(begin, knownPrefix), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

func knownFrom(begin, before string) []cobra.Completion {
	var found []cobra.Completion
	for _, p := range known.All() {
		if name := before + p.Name; strings.HasPrefix(name, begin) {
			found = append(found, cobra.CompletionWithDesc(name, p.What))
		}
	}
	return found
}

const completionPatience = 5 * time.Second

// completeRules completes the names of the rules of a running ocifake.
func (r *remote) completeRules(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := r.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.http.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	var list faultStates
	if err := c.call(ctx, http.MethodGet, "faults", nil, nil, &list); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, f := range list.Faults {
		if !slices.Contains(args, f.Name) {
			names = append(names, f.Name)
		}
	}
	return startingWith(begin, "", names), cobra.ShellCompDirectiveNoFileComp
}
