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
		Long: `Save what is in a running ocifake, as it is at this moment, as a tar of an OCI image
layout: into a file, or to stdout if that is "-". "ocifake serve --load" and "ocifake
load" read it, as do skopeo, oras, regctl and others.` + exitHelp,
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
		{"repo", "save this `repository` only", &repository},
	}}, r.flags()})
	return cmd
}
