package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
)

func newLoad() *cobra.Command {
	var r remote
	var toLoad loads
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "load [flags] [REPO=]PATH...",
		Short: "Load images into a running ocifake",
		Long: `Load images into a running ocifake: OCI image layouts or the output of docker save, as
directories, tar archives, tar archives compressed with gzip, or "-" for a tar archive on
stdin. With REPO=, all images are loaded into one repository; otherwise their names determine
the repository. The command prints a reference and a digest per line. Loading is not
recorded, and faults do not act on it.

Exit status: 0 if everything was loaded, 1 on an error, 2 if the command line is invalid, 3
if no ocifake responds.`,
		Example: `  ocifake load app=./layout images.tar
  docker save app:v1 | ocifake load -`,
		Args: func(_ *cobra.Command, args []string) error {
			toLoad = nil
			if len(args) == 0 {
				return errors.New("want PATH or REPO=PATH")
			}
			for _, arg := range args {
				if err := toLoad.Set(arg); err != nil {
					return fmt.Errorf("%q: %w", arg, err)
				}
			}
			return nil
		},
		ValidArgsFunction: completeFiles,
		RunE: r.action(func(cmd *cobra.Command, c *client, _ []string) error {
			all := []loaded{}
			for _, l := range toLoad {
				done, err := c.load(cmd.Context(), l, cmd.InOrStdin(), cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				if all = append(all, done...); !asJSON {
					printLoaded(cmd.OutOrStdout(), done)
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return nil
		}),
	}
	bind(cmd, []flagGroup{{"Output", []flagRow{
		{"json", "print the loaded images as JSON", &asJSON},
	}}, r.flags()})
	return cmd
}

// loaded is a loaded image in the response of the API.
type loaded struct {
	Repository string   `json:"repository"`
	Tags       []string `json:"tags"`
	Descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	} `json:"descriptor"`
}

func printLoaded(w io.Writer, all []loaded) {
	for _, l := range all {
		if len(l.Tags) == 0 {
			fmt.Fprintf(w, "%s@%s\n", terminal.Escape(l.Repository), terminal.Escape(l.Descriptor.Digest))
		}
		for _, tag := range l.Tags {
			fmt.Fprintf(w, "%s:%s@%s\n", terminal.Escape(l.Repository), terminal.Escape(tag), terminal.Escape(l.Descriptor.Digest))
		}
	}
}

// load sends content to load, and shows the progress on stderr.
func (c *client) load(ctx context.Context, l load, stdin io.Reader, stderr io.Writer) (done []loaded, err error) {
	content, err := openContent(l.path, stdin)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	query := url.Values{}
	if l.repository != "" {
		query.Set("repo", l.repository)
	}
	sent, stop := showProgress(stderr, "loading "+l.path, content.expect)
	defer stop()
	answer, err := c.send(ctx, http.MethodPost, "load", query, &body{io.TeeReader(content, sent), "application/x-tar", content.size})
	if err != nil {
		var status *exit
		if errors.As(err, &status) {
			return nil, err
		}
		return nil, fmt.Errorf("load %s: %w", l.path, err)
	}
	var list struct {
		Loaded []loaded `json:"loaded"`
	}
	err = decode(answer, &list)
	return list.Loaded, err
}
