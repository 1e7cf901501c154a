package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
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
  ocifake serve --token-auth users.yaml
  ocifake serve --no-referrers --no-mount --log-level debug`,
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return c.complete() },
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

// complete checks what no single flag can check, and fills in what follows.
func (c *serveConfig) complete() (err error) {
	c.server.TLS = c.server.TLS || c.server.HTTP2
	if c.server.H2C && c.server.TLS {
		return errors.New("--h2c is HTTP/2 in the clear: want either it, or --tls and --http2")
	}
	if c.caFile != "" && !c.server.TLS {
		return errors.New("--ca-file needs --tls: there is no authority without it")
	}
	if c.auth.clientCA != "" && !c.server.TLS {
		return errors.New("--client-ca needs --tls: certificates are shown in its handshake")
	}
	c.server.Addr, err = listenAddress(c.server.Addr)
	return err
}

// serve serves a registry until ctx ends.
func serve(ctx context.Context, c *serveConfig, stdout, stderr io.Writer) (err error) {
	log := newLog(stderr, c.logFormat, c.logLevel)
	for _, name := range []string{c.caFile, c.readyFile} {
		if err := removeStale(name); err != nil {
			return err
		}
	}
	store := memstore.New(c.store)
	reference, err := c.load.into(ctx, store, c.registry.AllowSparse, log)
	if err != nil {
		return err
	}
	c.registry.Log, c.registry.Allow = log, auth.Allow
	config := server.Config{Options: c.server, Registry: registry.New(store, c.registry), Log: log}
	if err := c.auth.into(&config, c.registry.TrustForwarded); err != nil {
		return err
	}
	s, err := server.Start(config)
	if err != nil {
		return explainListen(c.server.Addr, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	log.Info("serving", "url", s.URL())
	if isExposed(c.server.Addr) && !c.auth.asks() && c.auth.clientCA == "" {
		log.Warn("other machines may reach the registry, and nobody has to log in", "addr", c.server.Addr)
	}
	if err := announce(ctx, c, s, reference, stdout); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	<-ctx.Done()
	log.Info("stopping; signal again to kill")
	return nil
}

// announce tells the world that s accepts connections. The ready file comes
// last: whoever has read it finds the rest.
func announce(ctx context.Context, c *serveConfig, s *server.Server, reference string, stdout io.Writer) error {
	if c.caFile != "" {
		if err := writeFile(ctx, c.caFile, s.Authority().CertPEM()); err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
	}
	commands := strings.Join(c.commands(s.Host(), reference), "\n  ")
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
