package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newServe() *cobra.Command {
	c := &serveConfig{logFormat: "text"}
	c.server.Addr = "127.0.0.1:5000"
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a registry until it is stopped",
		Long: `Serve a registry, in memory, until SIGINT, SIGTERM or SIGHUP; a second SIGINT kills.
The first line of stdout is its URL; logs go to stderr.

--load takes a PATH, or REPO=PATH to load all of it into one repository.
--generate takes a reference, in which {v1..v9} and {a,b} stand for several, and
layers=N, size=SIZE, platforms=OS/ARCH,..., seed=N, docker, annotation.KEY=VALUE.
--faults takes known:NAME, a fault of "ocifake faults known", or rules, which "ocifake
faults known NAME" prints examples of:
  - where: op=blob.get repo=lib/*
    times: 2
    do: [{status: {code: 503, retryAfter: 1s}}]

--token-auth takes who may do what:
  users: {alice: secret, ci: hunter2}    # further ones with --htpasswd
  rules:                                 # none: users everything, others nothing
  - users: [alice]                       # everything, the catalog too
  - users: [ci]
    repos: [team/*]                      # * is any characters, slashes too
    actions: [pull, push]                # also delete, catalog
  - actions: [pull]                      # everybody, without a password too
    repos: [public/*]
  token: {ttl: 5m, opaque: false}        # opaque: no JSON Web Tokens
  hide: 404                              # for what one may not see, default 401
Further names are those of auth.Options in Go.

Files are written once the registry listens: one that cannot start changes none.

Exit status: 0 when it was stopped, 1 when it failed (a port that is taken, content
that cannot be loaded, a file that cannot be written), 2 when the command line, or a
file of settings that it names, is wrong.`,
		Example: `  ocifake serve
  ocifake serve --addr 127.0.0.1:0 --ready-file url
  ocifake serve --tls --http2 --ca-file ca.pem
  ocifake serve --load app=./layout --load images.tar --read-only
  ocifake serve --generate 'app:{v1..v9} layers=3 size=1MiB platforms=linux/amd64,linux/arm64'
  ocifake serve --faults rules.yaml --har requests.har
  ocifake serve --token-auth users.yaml
  ocifake serve --no-referrers --no-mount --log-level debug`,
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return c.complete(cmd.Context(), cmd.Flags()) },
		RunE: action(func(cmd *cobra.Command) error {
			err := serve(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
				return nil // stopped before it was ready
			}
			return err
		}),
	}
	bind(cmd, c.flags())
	return cmd
}

// complete prepares the configuration, and finds the files that are written.
func (c *serveConfig) complete(ctx context.Context, flags *pflag.FlagSet) (err error) {
	if err := c.prepare(ctx, flags); err != nil {
		return err
	}
	c.targets, err = findTargets(c.output.files(), c.inputs())
	return err
}

// prepare reads the configuration file, checks what no single flag can check, and
// fills in what follows.
func (c *serveConfig) prepare(ctx context.Context, flags *pflag.FlagSet) (err error) {
	if c.config != "" {
		if err := readConfig(ctx, c.config, flags); err != nil {
			return err
		}
	}
	c.server.TLS = c.server.TLS || c.server.HTTP2
	for _, wrong := range []struct {
		is  bool
		say string
	}{
		{c.server.H2C && c.server.TLS, "--h2c is HTTP/2 in the clear: want either it, or --tls and --http2"},
		{c.output.caFile != "" && !c.server.TLS, "--ca-file needs --tls: there is no authority without it"},
		{c.auth.clientCA != "" && !c.server.TLS, "--client-ca needs --tls: certificates are shown in its handshake"},
		{c.control.none && c.control.addr+c.control.token != "", "--no-control: there is nothing for --control-addr and --control-token then"},
	} {
		if wrong.is {
			return errors.New(wrong.say)
		}
	}
	if err := c.auth.check(); err != nil {
		return err
	}
	if c.control.addr != "" {
		if c.control.addr, err = listenAddress("--control-addr", c.control.addr); err != nil {
			return err
		}
	}
	c.server.Addr, err = listenAddress("--addr", c.server.Addr)
	return err
}

// serve serves a registry until ctx ends.
func serve(ctx context.Context, c *serveConfig, stdout, stderr io.Writer) (err error) {
	surviveBrokenPipes()
	f, err := c.start(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.announce(ctx, stdout); err != nil {
		return err
	}
	<-ctx.Done()
	f.log.Info("stopping; interrupt again to kill")
	return nil
}
