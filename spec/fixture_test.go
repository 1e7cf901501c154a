package spec_test

import (
	"crypto/tls"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// The flags choose the registry that TestRegistry checks.
var (
	registryURL = flag.String("registry", "", "check the registry at this `URL`, instead of one that the test starts")
	username    = flag.String("username", "", "user `name` for the registry")
	password    = flag.String("password", "", "`password` for the registry")
	insecure    = flag.Bool("insecure", false, "accept any certificate of the registry")
	version     = flag.String("version", "", "`version` of the specification: 1.0, 1.1, 1.2-draft; all if empty")
	repository  = flag.String("repository", "", "`name` of the repository below which all are made (default random)")
	claimed     = flag.String("with", "", "`features` that the registry is said to have, with commas between")
	disclaimed  = flag.String("without", "", "`features` that it is said not to have; for others it is asked")
	table       = flag.String("table", "", "write the results into this Markdown or HTML `file`")
	fixture     = flag.String("fixture", full, "the registry that the test starts, without -registry: "+strings.Join(fixtureNames(), ", "))
)

const (
	user   = "user"
	secret = "secret"
	full   = "full"
)

// fixtures are ways to run a registry. Those that are not about connections are in memory, which
// takes half the time.
var fixtures = map[string][]registrytest.Option{
	// full has whatever statements are about, and pages that are soon full.
	full: {
		registrytest.WithAuth(auth.Options{Users: map[string]string{user: secret}}),
		registrytest.WithOptions(registry.Options{
			ChunkMinLength: 100, PageSize: 50, MaxManifest: 4 << 20, Warnings: []string{`a "test" registry`},
		}),
	},
	"plain":    nil,
	"tls":      {registrytest.WithTLS()},
	"http2":    {registrytest.WithHTTP2()},
	"h2c":      {registrytest.WithH2C()},
	"memory":   {registrytest.WithInMemory()},
	"prefix":   nil,
	"basic":    {registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{Users: map[string]string{user: secret}})},
	"bearer":   {registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{Users: map[string]string{user: secret}, Token: &auth.TokenOptions{Opaque: true}})},
	"absolute": {registrytest.WithInMemory(), registrytest.WithOptions(registry.Options{AbsoluteURLs: true})},
	// least refuses whatever may be refused.
	"least": {registrytest.WithInMemory(), registrytest.WithOptions(registry.Options{
		NoDelete: true, NoReferrers: true, NoMount: true, NoSinglePost: true, NoCatalog: true, AllowSparse: true,
	})},
}

func fixtureNames() []string {
	var names []string
	for name := range fixtures {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// startFixture starts a registry and returns how it is reached.
func startFixture(t testing.TB, name string) spec.Target {
	t.Helper()
	options, ok := fixtures[name]
	if !ok {
		t.Fatalf("there is no fixture %q", name)
	}
	reg := registrytest.New(t, silent(options...)...)
	target := spec.Target{URL: reg.URL(), Client: reg.Client(), Username: user, Password: secret}
	if name == "prefix" {
		server := httptest.NewServer(http.StripPrefix("/some/registry", reg.Handler()))
		t.Cleanup(server.Close)
		target.URL, target.Client = server.URL+"/some/registry", server.Client()
	}
	return target
}

// chosen is the target that the flags choose.
func chosen(t testing.TB) spec.Target {
	t.Helper()
	target := spec.Target{URL: *registryURL, Username: *username, Password: *password}
	if *registryURL == "" {
		target = startFixture(t, *fixture)
	} else if *insecure {
		target.Client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	}
	target.Version, target.Repository, target.Features = spec.Version(*version), *repository, map[spec.Feature]bool{}
	for value, names := range map[bool]string{true: *claimed, false: *disclaimed} {
		for name := range strings.SplitSeq(names, ",") {
			if name = strings.TrimSpace(name); name != "" {
				target.Features[spec.Feature(name)] = value
			}
		}
	}
	return target
}

// silent adds that a registry logs nothing: its requests are thousands.
func silent(options ...registrytest.Option) []registrytest.Option {
	return append([]registrytest.Option{registrytest.WithLogger(slog.New(slog.DiscardHandler))}, options...)
}
