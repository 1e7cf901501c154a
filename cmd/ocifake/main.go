// Command ocifake serves a strict, in-memory OCI registry for tests of clients in any language.
//
// Exit status: 0 on success or after a server was stopped by SIGINT, SIGTERM or SIGHUP, 1 on an
// error or a failed assertion, 2 if the command line or an input file is invalid, 3 if no ocifake
// responds.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
)

func main() {
	ctx, cancel := untilSignal(endings()...)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(status)
}

// run executes a command line and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var e *exit
	if errors.As(err, &e) && e.error == nil {
		return e.status
	}
	fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), terminal.EscapeLines(err.Error())) // may contain text from a server
	var f *failure
	switch {
	case e != nil:
		return e.status
	case errors.As(err, &f):
		return 1
	}
	fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	return 2
}

func newRoot() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "ocifake",
		Short: "An OCI registry for tests",
		Long: `ocifake is an OCI registry for tests. It is strict to the specification and keeps its
content in memory. It can load and generate content, inject faults, and check the requests
of its clients. It can also check whether another registry conforms to the specification.

Exit status: 0 on success or after a server was stopped by SIGINT, SIGTERM or SIGHUP; 1 on
an error or a failed assertion; 2 if the command line or an input file is invalid; 3 if no
ocifake responds. "ocifake run" exits with the status of its command.`,
		Example: `  ocifake serve
  ocifake run --expect 'op=blob.get count<=3' -- ./pull.sh
  ocifake faults add known:reset-mid-blob
  ocifake assert 'op=blob.get status=200 count==2'`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return action(func(cmd *cobra.Command) error { return printVersion(cmd.OutOrStdout(), buildInfo()) })(cmd, nil)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&version, "version", false, "print the version, the commit and the platform")
	root.SetFlagErrorFunc(explainFlag)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddGroup(&cobra.Group{ID: "serving", Title: "Serve a registry:"}, &cobra.Group{ID: "talking", Title: "Use a running ocifake:"},
		&cobra.Group{ID: "checking", Title: "Check another registry, or a client:"})
	addTo(root, "serving", newServe(), newRun(), newProfiles())
	addTo(root, "talking", newRequests(), newAssert(), newWait(), newFaults(), newLoad(), newSnapshot(), newHosts(), newTokens(), newReset())
	addTo(root, "checking", newConformance(), newProbe(), newLint(), newExam())
	root.AddCommand(newVersion())
	refuseUnknownHelp(root)
	return root
}

// addTo adds commands to a group.
func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// failure is an error of a command, as opposed to an error of the command line.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// exit is an exit status with an optional error.
type exit struct {
	status int
	error
}

func (e *exit) Unwrap() error { return e.error }

// action marks the errors of f as failures.
func action(f func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := f(cmd); err != nil {
			return &failure{err}
		}
		return nil
	}
}
