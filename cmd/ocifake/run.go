package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

func newRun() *cobra.Command {
	c := &runConfig{serveConfig: serveConfig{logFormat: "text"}}
	c.server.Addr = "127.0.0.1:0"
	c.logLevel = slog.LevelWarn
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command with a registry, and judge what it asked of it",
		Long: `Start a registry on a free port, run a command with it, and judge what the command
asked of it. The command finds in its environment:

  OCIFAKE_URL          http://127.0.0.1:40001
  OCIFAKE_HOST         127.0.0.1:40001, for references
  OCIFAKE_CONTROL_URL  where "ocifake requests" and others find the registry;
                       with --control-token OCIFAKE_CONTROL_TOKEN, too
  DOCKER_CONFIG        if there are users: a copy of the user's folder, whose
                       config.json has the credentials of the first user of the
                       registry whose password is known, too
  NO_PROXY, no_proxy   the registry's host, after what they had
  SSL_CERT_FILE        the system's certificates and that of the registry, with --tls;
                       also as CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS

Signals are passed on to the command, and its exit status is that of run. Which rules
of --faults have not fired is logged; --strict-faults makes that a failure. After a
command that succeeds, expectations are judged: --expect takes one, or a file with
one in each line (# begins a comment). An expectation is filters, and behind them
measures, count>=1 if there are none:

  op=blob.get repo=app count<=3
  op=manifest.put status=2xx count==1
  op=blob.get inflight<=4 repeated==0
  status=5xx count==0

Exit status: that of the command, 128 and the number of the signal that ended it, 1
if an expectation does not hold or a file cannot be written, 2 when the command line,
or a file that it names, is wrong or the registry cannot be started, 126 and 127 when
the command cannot be run or is not found. With 2, the command was not run.`,
		Example: `  ocifake run -- sh -c 'crane copy "$IMAGE" "$OCIFAKE_HOST/app:v1"'
  ocifake run --faults known:reset-mid-blob --strict-faults -- ./pull.sh
  ocifake run --faults rules.yaml --expect 'op=blob.get status=503 count==2' -- ./pull.sh
  ocifake run --tls --user ci:secret --har requests.har --junit junit.xml -- make test`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeFiles,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			err := c.complete(cmd.Context(), cmd.Flags())
			if err != nil && cmd.Context().Err() != nil {
				return notRun(cmd.Context(), err)
			}
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd.Context(), args, streams{cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()})
		},
	}
	bind(cmd, c.flags())
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// runConfig is what the flags of run say.
type runConfig struct {
	serveConfig
	expect       expectations
	strictFaults bool
}

// flags are those of serve, and what is judged.
func (c *runConfig) flags() []flagGroup {
	return append([]flagGroup{{"Judgement", []flagRow{
		{"expect", "what must hold of the requests in the end, or a `file` of such lines; repeatable", &c.expect},
		{"strict-faults", "fail unless all rules of --faults have fired; of a known fault, one is enough", &c.strictFaults},
		{"junit", "write the judgement into this `file`, as JUnit XML", &c.output.junit},
	}}}, c.serveConfig.flags()...)
}

// complete is that of serve. Files of expectations are read, too.
func (c *runConfig) complete(ctx context.Context, flags *pflag.FlagSet) (err error) {
	if err := c.prepare(ctx, flags); err != nil {
		return err
	}
	if c.strictFaults && len(c.faults) == 0 {
		return errors.New("--strict-faults needs --faults: without rules, none can fail to fire")
	}
	if err := c.expect.read(ctx); err != nil {
		return fmt.Errorf("--expect %w", err)
	}
	c.targets, err = findTargets(c.output.files(), append(c.inputs(), c.expect.inputs()...))
	return err
}

// streams are those that the command gets.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run runs a command with a registry.
func (c *runConfig) run(ctx context.Context, args []string, std streams) error {
	surviveBrokenPipes()
	signals, stop := catch(heeded(passedOn)...)
	defer stop()
	f, err := c.start(ctx, std.err)
	if err != nil {
		return notRun(ctx, err)
	}
	env, remove, err := f.environment()
	if err == nil {
		err = errors.Join(f.deliver(ctx), ctx.Err())
	}
	if err != nil {
		return notRun(ctx, errors.Join(err, remove(), f.Close()))
	}
	began := time.Now()
	ended := runCommand(args, env, std, signals)
	ended.began, ended.took = began, time.Since(began)
	closed := errors.Join(remove(), f.Close())
	judged := c.judge(f)
	err = errors.Join(closed, c.writeJUnit(ctx, f, args, ended, judged))
	if ended.status != 0 {
		return &exit{ended.status, errors.Join(ended.err, err)}
	}
	if err = errors.Join(err, judged.err()); err != nil {
		return &failure{err}
	}
	return nil
}

// notRun is the error of a command that was not run: no judgement, so that it is told
// from that of one that does not hold.
func notRun(ctx context.Context, err error) error {
	var s *signaled
	if errors.As(context.Cause(ctx), &s) {
		return &exit{s.status(), fmt.Errorf("stopped before the command was run: %w", s)}
	}
	return wrongInput(err)
}

// ended is how a command ended.
type ended struct {
	status int
	err    error // why it could not be run, or the signal that ended it
	began  time.Time
	took   time.Duration
}

// runCommand runs a command to its end, and passes signals on to it.
func runCommand(args, env []string, std streams, signals <-chan os.Signal) ended {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.out, std.err
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return ended{status: 127, err: err}
		}
		return ended{status: 126, err: err}
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if !fromTerminal(s) {
				_ = cmd.Process.Signal(s) // it may have ended just now
			}
		case err := <-done:
			return endOf(cmd.ProcessState, err)
		}
	}
}

// fromTerminal reports whether a signal has come from the keyboard, so that the
// command has it already.
func fromTerminal(s os.Signal) bool {
	return (s == os.Interrupt || s == syscall.SIGQUIT) && term.IsTerminal(int(os.Stdin.Fd()))
}

func endOf(state *os.ProcessState, err error) ended {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return ended{status: 128 + int(status.Signal()), err: err}
	}
	if status := state.ExitCode(); status != 0 || err == nil {
		return ended{status: status}
	}
	return ended{status: 1, err: err} // what it wrote could not be passed on
}
