package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
)

// announce reports that the registry accepts connections.
func (f *fixture) announce(ctx context.Context, stdout io.Writer) error {
	return errors.Join(f.print(stdout), f.deliver(ctx))
}

// print prints the URL of the registry. It ignores a broken pipe, as in "| head -1".
func (f *fixture) print(stdout io.Writer) error {
	text := f.server.URL() + "\n\nTry:\n"
	for _, command := range append(f.config.commands(f.server.Host(), f.reference), f.hostCommands()...) {
		text += "  " + command + "\n"
	}
	if url := f.controlURL(); url != "" {
		text += "\nPage:\n  " + url + "/_ocifake/\n"
	}
	_, err := io.WriteString(stdout, text)
	if isBrokenPipe(err) {
		return nil
	}
	return err
}

// deliver writes the files that exist while the registry runs, the ready file last.
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

// deliverTo writes a file. It waits for the reader of a named pipe until the registry ends.
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

// commands returns example commands for the registry on host. reference is a loaded image, or
// empty. NAME, PASSWORD, CERTIFICATE and KEY are placeholders for unknown values.
func (c *serveConfig) commands(host, reference string) (list []string) {
	scheme, oras, crane, curl := "http", " --plain-http", "", "curl -s"
	if c.server.TLS {
		scheme, oras, crane, curl = "https", " --insecure", " --insecure", "curl -sk"
		if c.output.caFile != "" {
			file := shellWord(c.output.caFile)
			oras, curl = " --ca-file "+file, "curl -s --cacert "+file
		}
	}
	byCertificate := c.auth.clientCA != "" && !c.auth.asks() // crane does not support client certificates
	if byCertificate {
		oras += " --cert-file CERTIFICATE --key-file KEY"
		curl += " --cert CERTIFICATE --key KEY"
	}
	add := func(words ...string) { list = append(list, strings.Join(words, "")) }
	if c.auth.asks() {
		add("oras login", oras, " --username NAME --password PASSWORD ", host)
		curl += " --user NAME:PASSWORD"
	}
	switch {
	case reference != "":
	case c.registry.ReadOnly, c.upstream.base != nil: // what it has is not known
		if !c.auth.takesTokens() {
			add(curl, " ", scheme, "://", host, "/v2/")
		}
		return list
	default:
		reference = "hello:v1"
		add("oras push", oras, " --artifact-type text/greeting ", host, "/", reference)
	}
	add("oras manifest fetch", oras, " ", host, "/", reference)
	repository := reference[:strings.IndexAny(reference, ":@")]
	if !byCertificate {
		add("crane ls", crane, " ", host, "/", repository)
	}
	if !c.auth.takesTokens() { // curl does not request tokens
		add(curl, " ", scheme, "://", host, "/v2/", repository, "/tags/list")
	}
	return list
}

// hostCommands returns example commands for the hosts.
func (f *fixture) hostCommands() (list []string) {
	trust := "-sk"
	if f.config.output.caFile != "" {
		trust = "-s --cacert " + shellWord(f.config.output.caFile)
	}
	for _, s := range f.hosts {
		address := s.Name
		if s.Port != "" {
			address = net.JoinHostPort(s.Name, s.Port)
		}
		list = append(list, "curl "+trust+" --proxy "+f.proxyURL()+" https://"+address+"/v2/")
	}
	return list
}

// shellWord quotes a word for a shell if needed.
func shellWord(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"`\\$&|;<>()*?[]#~!{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
