package lint_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// place is a registry for scenarios: the strict one with or without authentication, or a profile.
type place struct {
	name    string
	profile string
	login   *auth.Options
	bare    bool // the strict registry without what a scenario does to it
}

var strictPlaces = []place{{name: "strict"}, {name: "strict, Basic", login: &passwords}, {name: "strict, tokens", login: &tokens}}

func profilePlaces() []place {
	var all []place
	for _, name := range profiles.Names() {
		all = append(all, place{name: name, profile: name})
	}
	return all
}

// outcome is what came of a scenario.
type outcome struct {
	err    error // of the client
	damage error // the end state is not as it should be
	log    record.Log
}

func (o outcome) failed() error {
	if o.err != nil {
		return o.err
	}
	return o.damage
}

// A rule can only know that chunks are needless if a blob is small. Where no rule looks, small content
// is enough.
var large, small = sizes{bundle, 2 << 20}, sizes{archive, 500}

// play runs a scenario. The mutant is nil for the right client. It must be called in a bubble.
func play(t *testing.T, p place, s *scenario, m *mutant, chunks sizes) (o outcome) {
	reg := start(t, p, s)
	var user, password string
	if reg.AuthService() != nil {
		login := reg.Login(t, "ci")
		user, password = login.Username, login.Password
	}
	w := &world{t: t, reg: reg, sizes: chunks, asItIs: p.profile != "" || p.bare}
	if s.setup != nil {
		s.setup(w)
	}
	transport := reg.Transport()
	transport.MaxIdleConnsPerHost = 8
	defer transport.CloseIdleConnections()
	w.another = func() *client {
		c := newClient("http://127.0.0.1:5000", transport)
		c.user, c.password = user, password
		return c
	}
	c := w.another()
	run, check := s.run, s.check
	if m != nil {
		m.apply(c)
		if m.run != nil {
			run = m.run
		}
		if m.check != nil {
			check = m.check
		}
	}
	o.err = c.login()
	if o.err == nil {
		o.err = run(c, w)
	}
	o.log = reg.Requests()
	if os.Getenv("JOURNAL") != "" {
		fmt.Println(o.log)
	}
	if check != nil {
		o.damage = check(w)
	}
	return o
}

func start(t *testing.T, p place, s *scenario) *registrytest.Registry {
	options, settings := s.options, []registrytest.Option{registrytest.WithInMemory()}
	if p.profile != "" || p.bare {
		options = registry.Options{PageSize: s.options.PageSize}
	}
	switch p.profile {
	case "":
	case "ggcr":
		options.PageSize = 0 // it has no Link, and long pages
		fallthrough
	default:
		settings = append(settings, registrytest.WithProfile(p.profile))
	}
	if p.login != nil {
		settings = append(settings, registrytest.WithAuth(*p.login))
	}
	return registrytest.New(t, append(settings, registrytest.WithOptions(options))...)
}

// describe returns the findings, a line for each.
func describe(findings []lint.Finding) string {
	var text strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&text, "%s (%s) at %d: %s\n", f.Rule, f.Severity, f.Seqs, f.Message)
	}
	return text.String()
}

// TestRight asks that a right client succeeds and has no finding, with every third profile by
// default.
func TestRight(t *testing.T) {
	for _, p := range slices.Concat(strictPlaces, thorough.Sample(profilePlaces(), 3, 0)) {
		t.Run(p.name, func(t *testing.T) {
			for _, s := range scenarios {
				if s.strict && p.profile != "" {
					continue
				}
				t.Run(s.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						o := play(t, p, s, nil, large)
						failed := o.failed()
						if refused := s.refused || refuses[p.profile+" "+s.name] != ""; (failed != nil) != refused {
							t.Errorf("the client failed: %v", failed)
						}
						if report := lint.Check(o.log); len(report.Findings) > 0 {
							t.Errorf("findings:\n%s", describe(report.Findings))
						}
					})
				})
			}
		})
	}
}

// refuses has the scenarios that a profile refuses by its nature, and why.
var refuses = map[string]string{
	"dockerhub list repositories":        "the catalog is disabled",
	"ggcr resume a download that is cut": "a Range without an end is refused",
	"ggcr attach":                        "referrers have the type of their config",
	"olareg list repositories":           "there is no catalog",
	"gitlab attach":                      "the referrers tag is an alias of the subject",
	"gitlab list referrers":              "the referrers tag is an alias of the subject",
}

// TestMutants asks that each mutant is found, by the rule for its fault and the implied ones.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name(), func(t *testing.T) {
			if m.skip != "" {
				t.Skip(m.skip)
			}
			synctest.Test(t, func(t *testing.T) {
				o := play(t, place{login: m.login}, m.in, &m, large)
				found, others := false, []lint.Finding{}
				report := lint.Check(o.log)
				for _, f := range report.Findings {
					if f.Rule == m.id {
						found = true
					} else if !slices.Contains(strings.Fields(m.implied), f.Rule) {
						others = append(others, f)
					}
				}
				if !found {
					t.Errorf("not found; the client: %v", o.failed())
				}
				if len(others) > 0 {
					t.Errorf("found besides:\n%s", describe(others))
				}
			})
		})
	}
}

var update = flag.Bool("update", false, "write testdata/fails.txt")

const failsFile = "testdata/fails.txt"

// TestFails compares testdata/fails.txt, which has the profiles on which the mutants of a fault fail
// although the right client does not, with what is measured. By default it measures every sixth
// profile; with the flag -thorough or -update, all.
func TestFails(t *testing.T) {
	places := append(profilePlaces(), place{name: strict, bare: true})
	if !*update {
		places = thorough.Sample(places, 6, len(places)-1) // with the strict registry
	}
	fails := map[string]map[string]bool{}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { measure(t, p, fails) })
		})
	}
	got := table(fails)
	if *update {
		if err := os.WriteFile(failsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(failsFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := only(string(want), places); got != want {
		t.Errorf("%s is not what is measured; go test ./lint -run TestFails -update writes it. Want:\n%s\ngot:\n%s", failsFile, want, got)
	}
}

// only returns the text of the table without the profiles that are not among the places.
func only(text string, places []place) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		id, on, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		measured := slices.DeleteFunc(strings.Fields(on), func(name string) bool {
			return !slices.ContainsFunc(places, func(p place) bool { return p.name == name })
		})
		lines[i] = strings.TrimSpace(id+": "+strings.Join(measured, " ")) + "\n"
	}
	return strings.Join(lines, "")
}

// measure adds a profile to the faults whose mutants fail on it.
func measure(t *testing.T, p place, fails map[string]map[string]bool) {
	right := map[string]bool{} // by scenario; those of a name are the same to a right client
	for _, m := range mutants {
		if m.in.failing {
			continue
		}
		if _, ok := right[m.in.name]; !ok {
			right[m.in.name] = play(t, p, m.in, nil, small).failed() == nil
		}
		if fails[m.id] == nil {
			fails[m.id] = map[string]bool{}
		}
		if right[m.in.name] && !fails[m.id][p.name] && play(t, p, m.in, &m, small).failed() != nil {
			fails[m.id][p.name] = true
		}
	}
}

// table returns a line for each fault, with the profiles.
func table(fails map[string]map[string]bool) string {
	text, without, everywhere := "", "", ""
	for _, id := range faultIDs() {
		if on, ok := fails[id]; ok {
			if on[strict] {
				everywhere += " " + id
			}
			delete(on, strict)
			text += strings.TrimSpace(id+": "+strings.Join(slices.Sorted(maps.Keys(on)), " ")) + "\n"
		} else {
			without += " " + id
		}
	}
	return "# Profiles on which a mutant with the fault fails and the right client does not.\n" +
		"# Written by go test ./lint -run TestFails -update.\n" +
		"# Not measured, since their mutants need a registry that fails or is slow:" + without + "\n" +
		"# Fail on the strict registry as well, so that they fail on a profile also where its registry is unknown:" + everywhere + "\n" + text
}

// strict is the name of the strict registry among the profiles.
const strict = "strict"

// faultIDs returns the faults in the order of the mutants.
func faultIDs() []string {
	var all []string
	for _, m := range mutants {
		if !slices.Contains(all, m.id) {
			all = append(all, m.id)
		}
	}
	return all
}

// TestRulesHaveMutants asks that each rule has mutants, and that each mutant is for a rule.
func TestRulesHaveMutants(t *testing.T) {
	var rules []string
	for _, r := range lint.Rules() {
		rules = append(rules, r.ID)
	}
	faults := faultIDs()
	for _, id := range rules {
		if !slices.Contains(faults, id) {
			t.Errorf("no mutant has the fault of the rule %s", id)
		}
	}
	for _, id := range faults {
		if !slices.Contains(rules, id) {
			t.Errorf("no rule finds the fault %s", id)
		}
	}
}
