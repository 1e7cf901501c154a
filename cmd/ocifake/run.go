package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ocifake/ocifake/internal/replay"
)

func newRun() *cobra.Command {
	c := &runConfig{serveConfig: serveConfig{logFormat: "text"}}
	c.server.Addr = "127.0.0.1:0"
	c.logLevel = slog.LevelWarn
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command with a registry, and check its requests",
		Long: `Start a registry on a free port, run a command with it, and check the requests of the
command. The environment of the command contains:

  OCIFAKE_URL          http://127.0.0.1:40001
  OCIFAKE_HOST         127.0.0.1:40001, for references
  OCIFAKE_CONTROL_URL  URL for "ocifake requests" and other client commands;
                       with --control-token also OCIFAKE_CONTROL_TOKEN
  DOCKER_CONFIG        with users: a copy of the user's directory; its config.json
                       also has the credentials of the first user of the registry
                       with a known password
  NO_PROXY, no_proxy   the host of the registry, appended to the previous value; with
                       --hosts, in place of the previous value, and with localhost
  HTTP_PROXY, …        with --hosts: HTTP_PROXY, HTTPS_PROXY, http_proxy, https_proxy,
                       the forward proxy that leads to the hosts
  SSL_CERT_FILE        with --tls or --hosts: the CA certificates of the system and the
                       registry; also as CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE,
                       NODE_EXTRA_CA_CERTS, GIT_SSL_CAINFO and CARGO_HTTP_CAINFO
  JAVA_TOOL_OPTIONS    likewise, a trust store for Java, and with --hosts the proxy

The command receives the signals that run receives, and run exits with its status. Rules of
--faults that have not acted as configured are logged; with --strict-faults they are
failures. If the command succeeds, the expectations are checked: --expect is an expectation,
or a file with one per line (# starts a comment). An expectation is a list of filters,
optionally followed by measures, by default count>=1:

  op=blob.get repo=app count<=3
  op=manifest.put status=2xx count==1
  op=blob.get,external inflight<=4 repeated==0
  status=5xx count==0

Exit status: that of the command, or 128 plus the number of the signal that ended it; 1
if an expectation fails, --lint finds an error, or a file cannot be written, what passed
cannot be kept, or something is not in the directory of --replay; 2 if the
command line or an input file is invalid or the registry cannot start; 126 and 127 if
the command cannot be executed or is not found. With status 2, the command did not run.`,
		Example: `  ocifake run -- sh -c 'crane copy "$IMAGE" "$OCIFAKE_HOST/app:v1"'
  ocifake run --faults known:reset-mid-blob --strict-faults -- ./pull.sh
  ocifake run --faults rules.yaml --expect 'op=blob.get status=503 count==2' -- ./pull.sh
  ocifake run --hosts docker.io=hub,ghcr.io=ghcr --generate 'docker.io/library/alpine:3' -- ./build.sh
  ocifake run --keep testdata/world --hosts docker.io,ghcr.io -- make e2e   # once, with the internet
  ocifake run --replay testdata/world -- make e2e                           # without
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

// runConfig holds the flags of run.
type runConfig struct {
	serveConfig
	expect       expectations
	strictFaults bool
}

// flags returns the flags of serve and those of the checks.
func (c *runConfig) flags() []flagGroup {
	return append([]flagGroup{{"Keep and replay", []flagRow{
		{"keep", "keep what passes from the real hosts of --hosts in this `directory`, and replace it at the end if all went well", (*fileName)(&c.keeping.keep)},
		{"shallow", "keep images without their layers: generated ones of the same size take their place, with other digests", &c.keeping.shallow},
		{"keep-from", "keep a host from elsewhere, such as a mirror, by `HOST=URL`; repeatable", &c.keeping.from},
		{"allow-missing", "do not fail if a command asks for what is not in the directory of --replay", &c.keeping.missing},
	}}, {"Judgement", []flagRow{
		{"expect", "expectation about the requests, checked at the end, or a `file` with one per line; repeatable", &c.expect},
		{"strict-faults", "fail unless all rules of --faults have acted; for a known fault, one rule is sufficient", &c.strictFaults},
		{"junit", "write the results to this `file` as JUnit XML", (*fileName)(&c.output.junit)},
	}}}, c.serveConfig.flags()...)
}

// complete completes serveConfig, and reads the files of expectations.
func (c *runConfig) complete(ctx context.Context, flags *pflag.FlagSet) (err error) {
	if err := c.prepare(ctx, flags); err != nil {
		return err
	}
	if c.strictFaults && len(c.faults) == 0 {
		return errors.New("--strict-faults needs --faults")
	}
	if err := c.expect.read(ctx); err != nil {
		return fmt.Errorf("--expect %w", err)
	}
	c.targets, err = findTargets(c.output.files(), append(c.inputs(), c.expect.inputs()...))
	return err
}

// streams are the standard streams of the command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run runs a command with a registry.
func (c *runConfig) run(ctx context.Context, args []string, std streams) (err error) {
	surviveBrokenPipes()
	if !c.auth.hasUsers() && (c.profile != "" || slices.ContainsFunc(c.stand.hosts, func(h replay.StandIn) bool { return h.Profile != "" })) {
		c.auth.login = credentials{"ocifake", rand.Text()}
	}
	signals, stop := catch(heeded(passedOn)...)
	defer stop()
	defer func() {
		if c.keeping.keeper != nil { // the command did not run
			err = errors.Join(err, c.keeping.keeper.Abort())
		}
	}()
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
	judged := append(c.judge(f), c.lint.judge(f, std.err)...)
	err = errors.Join(closed, c.writeJUnit(ctx, f, args, ended, judged), c.keeping.judge())
	err = errors.Join(err, c.keeping.finish(ctx, ended.status == 0 && errors.Join(err, judged.err()) == nil, signals))
	if ended.status != 0 {
		return &exit{ended.status, errors.Join(ended.err, err)}
	}
	if err = errors.Join(err, judged.err()); err != nil {
		return &failure{err}
	}
	return nil
}

// notRun returns the error if the command did not run. Its exit status differs from that of a
// failed expectation.
func notRun(ctx context.Context, err error) error {
	var s *signaled
	if errors.As(context.Cause(ctx), &s) {
		return &exit{s.status(), fmt.Errorf("interrupted before the command ran: %w", s)}
	}
	return wrongInput(err)
}

// ended describes the end of a command.
type ended struct {
	status int
	err    error // the error of starting it, or the signal that ended it
	began  time.Time
	took   time.Duration
}

// runCommand runs a command to its end, and forwards signals to it.
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
				_ = cmd.Process.Signal(s) // fails if the command has ended
			}
		case err := <-done:
			return endOf(cmd.ProcessState, err)
		}
	}
}

// fromTerminal reports whether the signal comes from the keyboard. The command then receives it,
// too.
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
	return ended{status: 1, err: err} // forwarding its output failed
}
