package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

var exchangeDifferences = flag.String("exchange-differences", "", "file to which the differences of the profiles are written")

// described are the registries that profiles are of, as they are configured by default.
var described = map[string]func(*testing.T) spec.Target{
	"distribution2": func(t *testing.T) spec.Target { return distribution2(t, shipped2) },
	"distribution3": func(t *testing.T) spec.Target { return distribution(t, false) },
	"ggcr":          start("go-containerregistry"),
	"ocimem":        start("ocimem"),
	"olareg":        start("olareg"),
}

func start(peerName string) func(*testing.T) spec.Target {
	return func(t *testing.T) spec.Target {
		i := slices.IndexFunc(peers, func(p peer) bool { return p.name == peerName })
		if raceDetector && peers[i].raced != "" {
			t.Skip(peers[i].raced)
		}
		return peers[i].start(t)
	}
}

// leastEqual is the part of the exchanges in percent that a profile has equal at least, with the
// requests of each asker.
var leastEqual = map[string][]float64{"distribution2": {96, 97}, "distribution3": {97, 96}, "ggcr": {97, 98}, "ocimem": {97, 98}, "olareg": {97, 98}}

// askers are the sources of the requests that are compared.
var askers = []struct {
	name string
	ask  func(*testing.T, *httptest.Server, *fidelity.Mirror) []statementExchange
}{
	{"spec", askStatements},
	{"official program 1.1", askProgram},
}

// TestExchanges checks the statements of the specification against registries, and runs the official
// conformance program on them, and sends each request to the strict registry and to the profile of the
// registry, too.
func TestExchanges(t *testing.T) {
	var table, text strings.Builder
	rows := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(rows, "requests of\tprofile\texchanges\tstrict\t%\tprofile\t%")
	for i, asker := range askers {
		for _, name := range slices.Sorted(maps.Keys(described)) {
			t.Run(asker.name+"/"+name, func(t *testing.T) {
				mirror, server := newMirror(t, name, described[name](t))
				exchanges := asker.ask(t, server, mirror)
				strict, profile := equal(exchanges, 0), equal(exchanges, 1)
				fmt.Fprintf(rows, "%s\t%s\t%d\t%d\t%.1f\t%d\t%.1f\n", asker.name, name, len(exchanges),
					strict, percent(strict, len(exchanges)), profile, percent(profile, len(exchanges)))
				assert.GreaterOrEqual(t, percent(profile, len(exchanges)), leastEqual[name][i])
				for _, x := range exchanges {
					for _, d := range x.Differences[1] {
						fmt.Fprintf(&text, "%s\t%s\t%s\t%s\t%v -> %v\t%s\n", name, x.statement, x.Op, x.Request, x.Answer.Status, x.Got[1].Status, d)
					}
				}
			})
		}
	}
	require.NoError(t, rows.Flush())
	t.Logf("exchanges that are equal:\n%s", table.String())
	if *exchangeDifferences != "" {
		require.NoError(t, os.WriteFile(*exchangeDifferences, []byte(text.String()), 0o600))
	}
}

func percent(part, all int) float64 { return 100 * float64(part) / float64(max(all, 1)) }

type statementExchange struct {
	fidelity.Mirrored
	statement string
}

// equal counts the exchanges of a column without a difference.
func equal(exchanges []statementExchange, column int) (n int) {
	for _, x := range exchanges {
		if len(x.Differences[column]) == 0 {
			n++
		}
	}
	return n
}

// newMirror starts a mirror of a registry, of the strict registry and of a profile.
func newMirror(t *testing.T, profile string, real spec.Target) (*fidelity.Mirror, *httptest.Server) {
	t.Helper()
	p, err := profiles.Find(profile)
	require.NoError(t, err)
	facts, err := p.AllFacts()
	require.NoError(t, err)
	unsorted := slices.ContainsFunc(facts, func(f profiles.Fact) bool { return f.Trait == "tags.order" && f.Value == "none" })
	clean := func(a fidelity.Answer) fidelity.Answer {
		if target, parameters, ok := strings.Cut(a.Header["Link"], ">;"); ok { // RFC 8288: neither quotes nor spaces have a meaning
			a.Header["Link"] = target + ">;" + strings.NewReplacer(" ", "", `"`, "").Replace(parameters)
		}
		sortList(a.Body, "manifests", "digest")
		sortList(a.Body, "repositories", "")
		if unsorted {
			sortList(a.Body, "tags", "")
		}
		return a
	}
	mirror := fidelity.NewMirror(
		fidelity.Target{URL: real.URL, Transport: cmp.Or(real.Client.Transport, http.DefaultTransport)}, clean,
		imitation(t), imitation(t, registrytest.WithProfile(profile)),
	)
	server := httptest.NewServer(mirror)
	t.Cleanup(server.Close)
	return mirror, server
}

// askStatements checks the statements of the specification.
func askStatements(t *testing.T, server *httptest.Server, mirror *fidelity.Mirror) []statementExchange {
	t.Helper()
	suite, err := spec.Open(t.Context(), spec.Target{URL: server.URL, Client: server.Client()})
	require.NoError(t, err)
	racing := readVerdicts(t).Racing
	var all []statementExchange
	for _, s := range spec.Statements() {
		if !s.Checked() || slices.Contains(racing, s.ID) || slices.Contains(unsteady, s.ID) {
			continue
		}
		_, err := suite.Check(t.Context(), s)
		require.NoError(t, err)
		for _, x := range mirror.Exchanges() {
			all = append(all, statementExchange{x, s.ID})
		}
	}
	return all
}

// askProgram runs the official conformance program.
func askProgram(t *testing.T, server *httptest.Server, mirror *fidelity.Mirror) []statementExchange {
	t.Helper()
	r, _ := conformance(t, "OCI_VERSION=1.1", "OCI_TLS=disabled", "OCI_REGISTRY="+server.Listener.Addr().String()) // it fails if a test does
	require.NotZero(t, r.counts["Pass"])
	var all []statementExchange
	for _, x := range mirror.Exchanges() {
		all = append(all, statementExchange{x, "program"})
	}
	require.NotEmpty(t, all)
	return all
}

// unsteady are statements that are no races, but whose answers depend on when a registry
// notices that a client left.
var unsteady = []string{"upload-interrupted", "upload-put-interrupted"}

// imitation starts a registry as a target.
func imitation(t *testing.T, options ...registrytest.Option) fidelity.Target {
	t.Helper()
	options = append(options, registrytest.WithInMemory(), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
	reg := registrytest.New(t, options...)
	return fidelity.Target{URL: reg.URL(), Transport: reg.Transport()}
}

// sortList sorts a list in a body by a field of its entries, or by the entries themselves. The
// specification has no order for referrers, and no list of repositories.
func sortList(body any, name, by string) {
	object, _ := body.(map[string]any)
	list, _ := object[name].([]any)
	key := func(entry any) string {
		if fields, ok := entry.(map[string]any); ok {
			entry = fields[by]
		}
		return fmt.Sprint(entry)
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
}
