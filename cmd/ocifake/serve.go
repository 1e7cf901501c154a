package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newServe() *cobra.Command {
	c := &serveConfig{logFormat: "text"}
	c.server.Addr = "127.0.0.1:5000"
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a registry until it is stopped",
		Long: `Serve a registry, in memory, until SIGINT or SIGTERM; a second one kills.
The first line of stdout is its URL; logs go to stderr.

--load takes a PATH, or REPO=PATH to load all of it into one repository.
--generate takes a reference, in which {v1..v9} and {a,b} stand for several, and
layers=N, size=SIZE, platforms=OS/ARCH,..., seed=N, docker, annotation.KEY=VALUE.
--faults takes rules, which "ocifake faults known NAME" prints examples of:
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

Exit status: 0 when it was stopped, 1 when it failed (a port that is taken,
content that cannot be loaded), 2 when the command line is wrong.`,
		Example: `  ocifake serve
  ocifake serve --addr 127.0.0.1:0 --ready-file url
  ocifake serve --tls --http2 --ca-file ca.pem
  ocifake serve --load app=./layout --load images.tar --read-only
  ocifake serve --generate 'app:{v1..v9} layers=3 size=1MiB platforms=linux/amd64,linux/arm64'
  ocifake serve --faults rules.yaml --har requests.har
  ocifake serve --token-auth users.yaml
  ocifake serve --no-referrers --no-mount --log-level debug`,
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return c.complete(cmd.Flags()) },
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

// complete reads the configuration file, checks what no single flag can check, and
// fills in what follows.
func (c *serveConfig) complete(flags *pflag.FlagSet) (err error) {
	if c.config != "" {
		if err := readConfig(c.config, flags); err != nil {
			return err
		}
	}
	c.server.TLS = c.server.TLS || c.server.HTTP2
	for _, wrong := range []struct {
		is  bool
		say string
	}{
		{c.server.H2C && c.server.TLS, "--h2c is HTTP/2 in the clear: want either it, or --tls and --http2"},
		{c.caFile != "" && !c.server.TLS, "--ca-file needs --tls: there is no authority without it"},
		{c.auth.clientCA != "" && !c.server.TLS, "--client-ca needs --tls: certificates are shown in its handshake"},
		{c.control.none && c.control.addr+c.control.token != "", "--no-control: there is nothing for --control-addr and --control-token then"},
	} {
		if wrong.is {
			return errors.New(wrong.say)
		}
	}
	if err := errors.Join(c.auth.check(), c.output.check()); err != nil {
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
	f, err := c.start(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.announce(ctx, stdout); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	<-ctx.Done()
	f.log.Info("stopping; signal again to kill")
	return nil
}

// announce tells the world that the registry accepts connections. The ready file
// comes last: whoever has read it finds the rest.
func (f *fixture) announce(ctx context.Context, stdout io.Writer) error {
	c, s := f.config, f.server
	if c.caFile != "" {
		if err := writeFile(ctx, c.caFile, s.Authority().CertPEM()); err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
	}
	commands := strings.Join(c.commands(s.Host(), f.reference), "\n  ")
	if _, err := fmt.Fprintf(stdout, "%s\n\nTry:\n  %s\n", s.URL(), commands); err != nil {
		return err
	}
	if c.readyFile != "" {
		if err := writeFile(ctx, c.readyFile, []byte(s.URL()+"\n")); err != nil {
			return fmt.Errorf("--ready-file: %w", err)
		}
	}
	return nil
}

// commands are three to try with the registry on host; reference is an image
// that was loaded, if one was.
func (c *serveConfig) commands(host, reference string) []string {
	scheme, oras, crane, curl := "http", "--plain-http", "", "-s"
	if c.server.TLS {
		scheme, oras, crane, curl = "https", "--insecure", " --insecure", "-sk"
		if c.caFile != "" {
			oras, curl = "--ca-file "+shellWord(c.caFile), "-s --cacert "+shellWord(c.caFile)
		}
	}
	first := "oras manifest fetch " + oras
	if reference == "" {
		reference = "hello:v1"
		first = "oras push " + oras + " --artifact-type text/greeting"
	}
	repository := reference[:strings.IndexAny(reference, ":@")]
	first += " " + host + "/" + reference
	if c.auth.asks() {
		first, curl = "crane auth login --username NAME --password PASSWORD "+host, curl+" --user NAME:PASSWORD"
	}
	return []string{
		first,
		fmt.Sprintf("crane manifest%s %s/%s", crane, host, reference),
		fmt.Sprintf("curl %s %s://%s/v2/%s/tags/list", curl, scheme, host, repository),
	}
}

// shellWord quotes what a shell would read as more than one word.
func shellWord(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"`\\$&|;<>()*?[]#~!{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
