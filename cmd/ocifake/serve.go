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
		Short: "Serve a registry",
		Long: `Serve a registry, or with --upstream stand in front of another, until SIGINT, SIGTERM or SIGHUP. A second SIGINT kills it.
The first line of stdout is the URL. Logs go to stderr.

Content is in memory, and ends with the process. --store DIR keeps it in a directory, which is
empty, new, or an OCI image layout. A layout that ocifake did not make is read-only without
--adopt. With --read-only, the directory is not changed or locked.

--load takes PATH, or REPO=PATH to load all images into one repository.
--generate takes a reference, in which {v1..v9} and {a,b} expand to several, followed by
layers=N, size=SIZE, platforms=OS/ARCH,..., seed=N, docker, annotation.KEY=VALUE.
--faults takes known:NAME, a fault of "ocifake faults known", or a file of rules. "ocifake
faults known NAME" prints examples of rules:
  - where: op=blob.get repo=lib/*
    times: 2
    do: [{status: {code: 503, retryAfter: 1s}}]

--token-auth takes a file of users and permissions:
  users: {alice: secret, ci: hunter2}    # more users with --htpasswd
  rules:                                 # default: users may do everything, others nothing
  - users: [alice]                       # may do everything, including the catalog
  - users: [ci]
    repos: [team/*]                      # * matches any characters, including slashes
    actions: [pull, push]                # or delete, catalog
  - actions: [pull]                      # for everyone, without authentication
    repos: [public/*]
  token: {ttl: 5m, opaque: false}        # opaque: tokens are not JSON Web Tokens
  hide: 404                              # status for forbidden repositories, default 401
For more fields, see auth.Options in Go.

--hosts docker.io=hub,ghcr.io makes a registry of its own for each host, like a profile or
strict, and a forward proxy at the address of serve that leads to them, over http and https:
give it to clients as HTTP_PROXY and HTTPS_PROXY, and --ca-file to trust. "ocifake hosts"
configures daemons. The content of a host is below its name: --generate 'ghcr.io/org/app:v1'.
The proxy refuses all other hosts with 403, except that it connects CONNECT to those of --pass.

Output files are written only after the registry listens. If it cannot start, no file changes.

Exit status: 0 when it was stopped, 1 on an error (for example if a port is in use, content
cannot be loaded, or a file cannot be written), 2 if the command line or an input file is
invalid.`,
		Example: `  ocifake serve
  ocifake serve --addr 127.0.0.1:0 --ready-file url
  ocifake serve --tls --http2 --ca-file ca.pem
  ocifake serve --store content
  ocifake serve --load app=./layout --load images.tar --read-only
  ocifake serve --generate 'app:{v1..v9} layers=3 size=1MiB platforms=linux/amd64,linux/arm64'
  ocifake serve --faults rules.yaml --har requests.har
  ocifake serve --token-auth users.yaml
  ocifake serve --hosts docker.io=hub,ghcr.io=ghcr --ca-file ca.pem
  ocifake serve --replay testdata/world --ca-file ca.pem
  ocifake serve --upstream https://registry.example --faults rules.yaml --har out.har
  ocifake serve --no-referrers --no-mount --log-level debug`,
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return c.complete(cmd.Context(), cmd.Flags()) },
		RunE: action(func(cmd *cobra.Command) error {
			err := serve(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
				return nil // interrupted before it was ready
			}
			return err
		}),
	}
	bind(cmd, c.flags())
	return cmd
}

// complete prepares the configuration, and resolves the output files.
func (c *serveConfig) complete(ctx context.Context, flags *pflag.FlagSet) (err error) {
	if err := c.prepare(ctx, flags); err != nil {
		return err
	}
	c.targets, err = findTargets(c.output.files(), c.inputs())
	return err
}

// prepare reads the configuration file, checks combinations of flags, and sets implied options.
func (c *serveConfig) prepare(ctx context.Context, flags *pflag.FlagSet) (err error) {
	if c.config != "" {
		if err := readConfig(ctx, c.config, flags); err != nil {
			return err
		}
	}
	c.server.TLS = c.server.TLS || c.server.HTTP2
	if err := errors.Join(c.server.Validate(), c.registry.Validate()); err != nil {
		return err
	}
	for _, wrong := range []struct {
		is  bool
		say string
	}{
		{!c.lint.on && len(c.lint.ignore)+len(c.lint.fail) > 0, "--lint-ignore and --lint-fail need --lint"},
		{c.output.caFile != "" && !c.server.TLS && len(c.stand.hosts) == 0 && c.keeping.replay == "", "--ca-file needs --tls, --hosts or --replay"},
		{c.auth.clientCA != "" && !c.server.TLS, "--client-ca needs --tls"},
		{c.control.none && c.control.addr+c.control.token != "", "--no-control excludes --control-addr and --control-token"},
	} {
		if wrong.is {
			return errors.New(wrong.say)
		}
	}
	if err := errors.Join(c.auth.check(), c.stand.check(c.keeping.replay != ""), c.keeping.check(c, flags), c.upstream.check(c, flags), c.checkStore()); err != nil {
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
	return c.lint.judge(f, stderr).err()
}
