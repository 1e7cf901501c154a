package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/learn"
)

func newProfilesLearn() *cobra.Command {
	var host string
	cmd := &cobra.Command{
		Use:   "learn FILE...",
		Short: "Make a profile of recordings of a registry",
		Long: `Make a profile of recordings of what a registry answered to its clients: HTTP Archives, as
browsers and proxies write them, or JSON Lines of "ocifake". What the recordings show
becomes facts, with the file and the exchange as evidence; other traits stay unknown. A
trait of which they show two values stays unknown, too, and is listed in a comment.

No credentials reach the profile. Names of repositories, tags and digests are replaced by
placeholders.`,
		Example: `  ocifake profiles learn recording.har > mine.yaml
  ocifake serve --profile mine.yaml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var recordings []learn.Recording
			for _, name := range args {
				log, err := readLog(cmd.Context(), name, cmd.InOrStdin())
				if err != nil {
					return wrongInput(err)
				}
				recordings = append(recordings, learn.Recording{Name: name, Log: log})
			}
			result, err := learn.From(host, recordings...)
			if err != nil {
				return wrongInput(err)
			}
			return action(func(cmd *cobra.Command) error { return printLearned(cmd, result) })(cmd, nil)
		},
	}
	cmd.Flags().StringVar(&host, "host", "", "the `HOST[:PORT]` of the registry, if the recordings have several")
	return cmd
}

func printLearned(cmd *cobra.Command, result learn.Result) error {
	comments := []string{fmt.Sprintf("Learned from a recording of %s (exchanges: %d).", result.Host, result.Exchanges)}
	for _, c := range result.Conflicts {
		comments = append(comments, fmt.Sprintf("%s is unknown: %s", c.Trait, c.Why))
	}
	return writeProfile(cmd.OutOrStdout(), "learned", result.Host, result.Facts, comments)
}
