package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

func newSnapshot() *cobra.Command {
	var r remote
	var repository string
	cmd := &cobra.Command{
		Use:   "snapshot [flags] FILE",
		Short: "Save the content of a running ocifake",
		Long: `Save the current content of a running ocifake as a tar of an OCI image layout, to a file
or, for "-", to stdout. "ocifake serve --load", "ocifake load", skopeo, oras, regctl and
other tools read it.` + exitHelp,
		Example: `  ocifake snapshot content.tar
  ocifake snapshot --repo team/app - | tar -t`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: r.action(func(cmd *cobra.Command, c *client, args []string) error {
			query := url.Values{}
			if repository != "" {
				query.Set("repo", repository)
			}
			return c.download(cmd.Context(), "", args[0], cmd.OutOrStdout(), "snapshot", query)
		}),
	}
	bind(cmd, []flagGroup{{"Content", []flagRow{
		{"repo", "save only this `repository`", &repository},
	}}, r.flags()})
	return cmd
}
