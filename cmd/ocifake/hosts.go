package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/internal/terminal"
)

func newHosts() *cobra.Command {
	var r remote
	var c hostsConfig
	cmd := &cobra.Command{
		Use:   "hosts [flags] [" + strings.Join(daemonNames(), "|") + "]",
		Short: "Show the hosts for which a running ocifake stands in, or configure daemons for them",
		Long: `Show the hosts for which a running ocifake stands in (ocifake serve --hosts), and the other
hosts that clients asked its forward proxy for.

With the name of a daemon, print the files that make the daemon use the proxy and trust the
certificates of these hosts, each below a line with its path; or with --dir, write them to
a directory, with paths in that directory. Nothing else changes: install the files, restart
the daemon, and remove them afterwards. The certificates are worthless when this ocifake has
ended.

A daemon in another network namespace, such as a node of kind, cannot connect to 127.0.0.1:
start ocifake with --addr, and name its address as the daemon sees it with --proxy.` + exitHelp,
		Example: `  ocifake hosts
  ocifake hosts containerd --dir ./daemon
  ocifake hosts kind --dir ./kind --proxy http://172.18.0.1:5000`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: daemonNames(),
		PreRunE:   func(_ *cobra.Command, args []string) error { return c.check(args) },
		RunE: r.action(func(cmd *cobra.Command, client *client, args []string) error {
			return c.run(cmd.Context(), client, args, cmd.OutOrStdout())
		}),
	}
	bind(cmd, []flagGroup{{"Output", []flagRow{
		{"json", "print JSON", &c.json},
		{"dir", "write the files of a daemon to this `directory`, which is created", (*fileName)(&c.dir)},
		{"proxy", "`URL` of the proxy as the daemon sees it (default: that of the ocifake)", &c.proxy},
	}}, r.flags()})
	return cmd
}

// hostsConfig holds the flags of hosts.
type hostsConfig struct {
	json       bool
	dir, proxy string
}

func (c *hostsConfig) check(args []string) error {
	switch {
	case len(args) == 0 && (c.dir != "" || c.proxy != ""):
		return errors.New("--dir and --proxy need the name of a daemon")
	case len(args) > 0 && c.json:
		return errors.New("--json is for the list of hosts")
	case c.proxy == "":
		return nil
	}
	return checkProxy(c.proxy)
}

func (c *hostsConfig) run(ctx context.Context, client *client, args []string, stdout io.Writer) error {
	var w control.Hosts
	if err := client.call(ctx, http.MethodGet, "hosts", nil, nil, &w); err != nil {
		return err
	}
	switch {
	case len(args) > 0:
		return c.configure(args[0], w, stdout)
	case c.json:
		return printJSON(stdout, w)
	}
	return printHosts(terminal.Writer(stdout), w)
}

// printHosts prints the hosts, and those that clients asked for besides.
func printHosts(out io.Writer, w control.Hosts) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "host\tregistry\trequests")
	for _, h := range w.Hosts {
		fmt.Fprintf(table, "%s\t%s\t\n", fullName(h), h.Profile)
	}
	for _, a := range w.Asked {
		what := "refused"
		if a.Passed {
			what = "passed on"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\n", a.Host, what, a.Count)
	}
	return table.Flush()
}

// fullName returns the name of a host, with the port if only one leads to the registry.
func fullName(h control.Host) string {
	if h.Port == "" {
		return h.Name
	}
	return net.JoinHostPort(h.Name, h.Port)
}

// checkHosts returns an error if what a server says cannot be in a file of a daemon, or in its path.
func checkHosts(w control.Hosts) error {
	for _, h := range w.Hosts {
		names := []string{fullName(h)}
		for _, alias := range h.Aliases {
			names = append(names, strings.ReplaceAll(alias, "*", "x"))
		}
		for _, name := range names {
			if parsed, err := replay.ParseStandIns(name); err != nil || len(parsed) != 1 || parsed[0].Profile != "" {
				return fmt.Errorf("the server names a host %q, which is none", name)
			}
		}
	}
	if block, rest := pem.Decode([]byte(w.CA)); block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return errors.New("the server does not have the certificate of an authority")
	}
	return checkProxy(w.Proxy)
}

func checkProxy(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || strings.ContainsAny(text, " \t\n\r\"'\\") {
		return fmt.Errorf("proxy %q: want http://HOST:PORT", text)
	}
	return nil
}

// configure prints the files of a daemon, or writes them.
func (c *hostsConfig) configure(name string, w control.Hosts, stdout io.Writer) error {
	if c.proxy != "" {
		w.Proxy = strings.TrimSuffix(c.proxy, "/")
	}
	if err := checkHosts(w); err != nil {
		return err
	}
	d := findDaemon(name)
	if c.dir == "" {
		for _, f := range d.files(site{w, ""}) {
			head := f.path
			if f.note != "" {
				head += " (" + f.note + ")"
			}
			if _, err := fmt.Fprintf(stdout, "# %s\n%s\n", head, f.text); err != nil {
				return err
			}
		}
		return nil
	}
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return err
	}
	if strings.ContainsAny(dir, "\"'\\\n") {
		return fmt.Errorf("--dir: %q: the files cannot contain a path with quotes: use another directory", dir)
	}
	for _, f := range d.files(site{w, dir}) {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.path, []byte(f.text), 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, f.path); err != nil {
			return err
		}
	}
	return nil
}
