// Command ocifake serves an OCI registry for tests, strict to the specification
// and kept in memory, to clients in any language.
//
// Exit status: 0 when the command is done or was stopped by SIGINT or SIGTERM,
// 1 when it failed, 2 when the command line is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, cancel := untilSignal(os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// untilSignal returns a context that ends with the first of the signals. The
// second one does what it does to a program that has not asked for it.
func untilSignal(signals ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	go func() {
		select {
		case <-received:
		case <-ctx.Done():
		}
		signal.Stop(received)
		cancel()
	}()
	return ctx, cancel
}

// run executes a command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", cmd.CommandPath(), err)
	var f *failure
	if errors.As(err, &f) {
		return 1
	}
	fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	return 2
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "ocifake",
		Short: "An OCI registry for tests",
		Long: `ocifake is an OCI registry for tests: strict to the specification, in memory,
gone when it is stopped.

Exit status: 0 when the command is done or was stopped by SIGINT or SIGTERM,
1 when it failed, 2 when the command line is wrong.`,
		Example: `  ocifake serve
  ocifake serve --addr 127.0.0.1:0 --ready-file ready.url`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newServe(), newFaults(), newVersion())
	return root
}

// failure is an error of a command that ran, as against one of its command line.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// action makes an error of f a failure.
func action(f func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := f(cmd); err != nil {
			return &failure{err}
		}
		return nil
	}
}
