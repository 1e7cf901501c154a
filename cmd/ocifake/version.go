package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit and the platform",
		Example: "  ocifake version",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command) error {
			return printVersion(cmd.OutOrStdout(), buildInfo())
		}),
	}
}

// buildInfo returns the build information of the binary.
func buildInfo() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

func versionOf(info *debug.BuildInfo) string { return cmp.Or(info.Main.Version, "(devel)") }

// printVersion prints the build information: a binary of go install has a version, and a build in a
// checkout has a commit.
func printVersion(w io.Writer, info *debug.BuildInfo) error {
	vcs := make(map[string]string)
	for _, s := range info.Settings {
		vcs[s.Key] = s.Value
	}
	commit := cmp.Or(vcs["vcs.revision"], "unknown")
	if vcs["vcs.modified"] == "true" {
		commit += " (modified)"
	}
	_, err := fmt.Fprintf(w, "ocifake %s\ncommit %s\n%s %s/%s\n",
		versionOf(info), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
