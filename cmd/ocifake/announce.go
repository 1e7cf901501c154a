package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// announce says that the registry accepts connections.
func (f *fixture) announce(ctx context.Context, stdout io.Writer) error {
	return errors.Join(f.print(stdout), f.deliver(ctx))
}

// print prints where the registry is. If nobody reads that any more, as behind "| head
// -1", the registry is served all the same.
func (f *fixture) print(stdout io.Writer) error {
	commands := strings.Join(f.config.commands(f.server.Host(), f.reference), "\n  ")
	_, err := fmt.Fprintf(stdout, "%s\n\nTry:\n  %s\n", f.server.URL(), commands)
	if isBrokenPipe(err) {
		return nil
	}
	return err
}

// deliver writes the files that are there while the registry is served, that which
// says that it is ready after the others.
func (f *fixture) deliver(ctx context.Context) error {
	var authority []byte
	if f.config.output.caFile != "" {
		authority = f.server.Authority().CertPEM()
	}
	for _, file := range []struct {
		flag string
		text []byte
	}{
		{caFileFlag, authority},
		{readyFileFlag, []byte(f.server.URL() + "\n")},
	} {
		if t := f.config.targets[file.flag]; t != nil {
			if err := f.deliverTo(ctx, t, file.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliverTo writes a file. A named pipe is written when it has a reader, until the
// registry ends.
func (f *fixture) deliverTo(ctx context.Context, t *target, text []byte) error {
	write := func(w io.Writer) error { _, err := w.Write(text); return err }
	if t.way != wayPipe {
		return t.write(ctx, write)
	}
	ctx, cancel := context.WithCancel(ctx)
	written := make(chan error, 1)
	go func() { written <- t.write(ctx, write) }()
	f.closers = append(f.closers, func() error {
		cancel()
		if err := <-written; !errors.Is(err, errNoReader) {
			return err
		}
		return nil
	})
	return nil
}

// commands are three to try with the registry on host; reference is an image
// that was loaded, if one was.
func (c *serveConfig) commands(host, reference string) []string {
	scheme, oras, crane, curl := "http", "--plain-http", "", "-s"
	if c.server.TLS {
		scheme, oras, crane, curl = "https", "--insecure", " --insecure", "-sk"
		if c.output.caFile != "" {
			oras, curl = "--ca-file "+shellWord(c.output.caFile), "-s --cacert "+shellWord(c.output.caFile)
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
