package e2e

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/internal/update"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

var exchangeDifferences = flag.String("exchange-differences", "", "file to which the differences of the profiles are written")

// described are the registries that profiles are of, as they are configured by default.
var described = map[string]func(*testing.T) spec.Target{
	"distribution2": func(t *testing.T) spec.Target { return distribution2(t, shipped2) },
	"distribution3": distributionImage,
	"ggcr":          start("go-containerregistry"),
	"ocimem":        start("ocimem"),
	"olareg":        start("olareg"),
	"zot":           plainZot,
}

// plainZot starts zot without options.
func plainZot(t *testing.T) spec.Target {
	t.Helper()
	r := zot.Start(t, zot.Options{})
	return spec.Target{URL: r.URL, Client: r.Client}
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
var leastEqual = map[string][]float64{
	"distribution2": {98, 98, 98}, "distribution3": {98, 99, 98}, "ggcr": {98, 98, 98}, "ocimem": {98, 98, 98}, "olareg": {98, 99, 98}, "zot": {98, 98, 98},
}

// askers are the sources of the requests that are compared.
var askers = []struct {
	name string
	ask  func(*testing.T, *httptest.Server, *fidelity.Mirror) []statementExchange
	tape string // part of the name of tapes, see taped
}{
	{"spec", askStatements, "spec"},
	{"official program 1.1", askProgram, "program-1.1"},
	{"official suite 1.1.1", askSuite, "suite-1.1.1"},
}

// taped reports whether the exchanges of a registry are kept on a tape, which a test of package fidelity
// plays: where the registry or the source of the requests is a program that most do not have.
func taped(registry, tape string) bool { return registry == "zot" || tape == "suite-1.1.1" }

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
				if taped(name, asker.tape) {
					writeTape(t, name, asker.name, asker.tape, exchanges)
				}
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
	mirror := fidelity.NewMirror(
		fidelity.Target{URL: real.URL, Transport: cmp.Or(real.Client.Transport, http.DefaultTransport)}, fidelity.Unordered(unsorted),
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

// suiteVariable is the environment variable that has the path of the official conformance suite of the
// distribution specification, version 1.1.1, built as a test binary.
const suiteVariable = "OCIFAKE_CONFORMANCE"

// askSuite runs the official conformance suite, version 1.1.1. Its tests may fail.
func askSuite(t *testing.T, server *httptest.Server, mirror *fidelity.Mirror) []statementExchange {
	t.Helper()
	path := os.Getenv(suiteVariable)
	if path == "" {
		t.Skipf("%s is unset: it has the path of the official conformance suite 1.1.1", suiteVariable)
	}
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "OCI_ROOT_URL="+server.URL, "OCI_NAMESPACE=conformance/tests", "OCI_CROSSMOUNT_NAMESPACE=conformance/other",
		"OCI_TEST_PULL=1", "OCI_TEST_PUSH=1", "OCI_TEST_CONTENT_DISCOVERY=1", "OCI_TEST_CONTENT_MANAGEMENT=1", "OCI_REPORT_DIR="+cmd.Dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.Regexp(t, `Ran \d+ of \d+ Specs`, string(out))
	var all []statementExchange
	for _, x := range mirror.Exchanges() {
		all = append(all, statementExchange{x, "suite"})
	}
	require.NotEmpty(t, all)
	return all
}

// versions are those of the registries, for their tapes.
var versions = map[string]string{
	"distribution2": "2.8.3", "distribution3": "3.1.2", "ggcr": "0.22.1", "ocimem": "0.0.0-20251212221603-3adeb8663819", "olareg": "0.2.2",
	"zot": zot.Version,
}

// maxTaped is the size in bytes of the largest content of a statement on a tape.
const maxTaped = 128 << 10

// writeTape writes the exchanges, but not those of statements with larger contents, into testdata of package fidelity, if files are to be updated.
func writeTape(t *testing.T, registry, client, name string, exchanges []statementExchange) {
	t.Helper()
	requested, err := update.Requested()
	require.NoError(t, err)
	if !requested {
		return
	}
	large := map[string]bool{}
	for _, x := range exchanges {
		large[x.statement] = large[x.statement] || name == "spec" && x.Size() > maxTaped
	}
	var list []fidelity.Mirrored
	for _, x := range exchanges {
		if !large[x.statement] {
			list = append(list, x.Mirrored)
		}
	}
	tape := fidelity.Tape{
		Registry: registry, Version: versions[registry], Client: client, Date: time.Now().UTC().Format(time.DateOnly),
		Command: "cd e2e && OCIFAKE_UPDATE=1 " + zot.Variable + "=… " + suiteVariable + "=… go test . -run TestExchanges",
	}
	var out bytes.Buffer
	_, err = tape.Taped(list).WriteTo(&out)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("../internal/fidelity/testdata/taped/"+registry+"."+name+".jsonl.gz", out.Bytes(), 0o644))
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
