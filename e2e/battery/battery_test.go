package battery_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
	"github.com/ocifake/ocifake/spec"
)

// foundFile has, for each broken entry, what found it: a statement, a check or an effect.
var foundFile = filepath.Join("testdata", "found.txt")

// missed stands in the file for what nothing found.
const missed = "-"

func updating() bool { return os.Getenv("OCIFAKE_UPDATE") == "1" }

// entry is one case of the battery.
type entry struct {
	name string

	// find returns what found the fault, or "". If by is not empty, only that is tried.
	find func(t *testing.T, by string) string

	// check returns findings on an entry that is right.
	check func(t *testing.T) []string
}

// kindOfEntries is a part of the battery.
type kindOfEntries struct {
	name    string
	broken  bool
	serial  bool
	sample  int // every nth is tried by default; all if 0
	entries []entry
}

// TestBattery checks that what is broken is found, and that there is no finding on what is right.
//
// By default, it tries only what found an entry last, and a sample of the clients and of what is right. With
// -thorough, it tries everything on what was not found and on what is right. With OCIFAKE_UPDATE=1,
// it tries everything, and writes testdata/found.txt.
func TestBattery(t *testing.T) {
	found := readFound(t)
	var mu sync.Mutex
	score := map[string][2]int{}
	now := map[string]string{}
	kinds := battery()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			entries := kind.entries
			if kind.sample > 0 && !updating() {
				entries = thorough.Sample(entries, kind.sample, 0)
			}
			for _, e := range entries {
				t.Run(e.name, func(t *testing.T) {
					if !kind.serial {
						t.Parallel()
					}
					key := kind.name + "/" + e.name
					right := false
					if kind.broken {
						by := findBroken(t, e, found[key])
						right = by != missed
						mu.Lock()
						now[key] = by
						mu.Unlock()
						if !updating() {
							assertFound(t, key, by, found)
						}
					} else {
						findings := e.check(t)
						right = len(findings) == 0
						assert.Empty(t, findings)
					}
					mu.Lock()
					defer mu.Unlock()
					s := score[kind.name]
					s[1]++
					if right {
						s[0]++
					}
					score[kind.name] = s
				})
			}
		})
	}
	for _, kind := range kinds {
		t.Logf("score: %-20s %d/%d of %d", kind.name, score[kind.name][0], score[kind.name][1], len(kind.entries))
	}
	if updating() {
		for key, by := range found {
			if _, ok := now[key]; !ok && known(kinds, key) {
				now[key] = by // excluded by -run
			}
		}
		writeFound(t, now)
	}
}

// findBroken returns what found an entry, or missed.
func findBroken(t *testing.T, e entry, last string) string {
	switch {
	case updating():
		last = ""
	case last == missed && !thorough.Enabled():
		return missed
	case last == missed:
		last = ""
	}
	if by := e.find(t, last); by != "" {
		return by
	}
	return missed
}

func assertFound(t *testing.T, key, by string, found map[string]string) {
	switch {
	case by != missed:
		if found[key] == missed {
			t.Logf("found by %s now: OCIFAKE_UPDATE=1 go test ./battery -run 'TestBattery/%s'", by, key)
		}
	case found[key] != missed:
		t.Errorf("not found by %q any more: OCIFAKE_UPDATE=1 go test ./battery -run 'TestBattery/%s' looks for another", found[key], key)
	default:
		assert.NotEmpty(t, explained[key], "nothing found it, and there is no reason")
	}
}

func known(kinds []kindOfEntries, key string) bool {
	for _, kind := range kinds {
		for _, e := range kind.entries {
			if kind.name+"/"+e.name == key {
				return true
			}
		}
	}
	return false
}

func readFound(t *testing.T) map[string]string {
	found := map[string]string{}
	file, err := os.Open(foundFile)
	if os.IsNotExist(err) {
		return found
	}
	require.NoError(t, err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, by, ok := strings.Cut(lines.Text(), "\t")
		require.True(t, ok, lines.Text())
		found[key] = by
	}
	return found
}

func writeFound(t *testing.T, found map[string]string) {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(&b, "%s\t%s\n", key, found[key])
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(foundFile), 0o755))
	require.NoError(t, os.WriteFile(foundFile, []byte(b.String()), 0o644))
}

// battery returns all entries.
func battery() []kindOfEntries {
	var registries, unusual, stores, otherStores, clients, otherClients []entry
	for _, r := range slices.Concat(brokenPull, brokenUploads, brokenManifests, brokenLists) {
		registries = append(registries, entry{name: r.name, find: r.find})
	}
	for _, r := range rightRegistries {
		unusual = append(unusual, entry{name: r.name, check: r.check})
	}
	for _, s := range brokenStores {
		stores = append(stores, entry{name: s.name, find: s.find})
	}
	for _, s := range rightStores {
		otherStores = append(otherStores, entry{name: s.name, check: s.check})
	}
	for _, c := range buggyClients {
		clients = append(clients, entry{name: c.name, find: c.withBug().find})
	}
	for _, c := range rightClients {
		otherClients = append(otherClients, entry{name: c.name, check: c.check})
	}
	return []kindOfEntries{
		{name: "broken registries", broken: true, entries: registries},
		{name: "right registries", sample: 16, entries: unusual},
		{name: "broken stores", broken: true, entries: stores},
		{name: "right stores", sample: 6, entries: otherStores},
		{name: "buggy clients", broken: true, serial: true, sample: 2, entries: clients},
		{name: "right clients", sample: 5, serial: true, entries: otherClients},
	}
}

// TestBatteryIsWhole checks that names are unique, that each entry quotes a sentence, and that no
// reason is left over.
func TestBatteryIsWhole(t *testing.T) {
	seen := map[string]bool{}
	found := readFound(t)
	for _, kind := range battery() {
		for _, e := range kind.entries {
			key := kind.name + "/" + e.name
			assert.False(t, seen[key], "%s is there twice", key)
			seen[key] = true
			if kind.broken {
				assert.Contains(t, found, key, "OCIFAKE_UPDATE=1 go test ./battery")
			}
		}
	}
	for key := range found {
		assert.True(t, seen[key], "%s is in testdata/found.txt only", key)
	}
	for key := range explained {
		assert.Equal(t, missed, found[key], "%s is found, or does not exist", key)
	}
	for _, r := range slices.Concat(brokenPull, brokenUploads, brokenManifests, brokenLists) {
		assert.NotEmpty(t, r.sentence, r.name)
	}
}

// entryTime is how long one entry may take on a busy machine.
const entryTime = 5 * time.Minute

func (r brokenRegistry) find(t *testing.T, by string) string {
	ctx, cancel := context.WithTimeout(t.Context(), entryTime)
	defer cancel()
	suite, err := spec.Open(ctx, spec.Target{URL: listen(t, r.options, r.breaks())})
	if err != nil {
		t.Logf("the suite refuses to run: %v", err)
		return "open"
	}
	statements := r.likely(spec.Statements())
	if by == "open" || by == "ready" {
		statements = nil
	} else if by != "" {
		statement, ok := spec.Lookup(by)
		require.True(t, ok, "there is no statement %s", by)
		statements = []spec.Statement{statement}
	}
	if by == "" || by == "ready" {
		if err := suite.Ready(ctx); err != nil {
			t.Log(err)
			return "ready"
		}
	}
	for _, statement := range statements {
		if !statement.Checked() {
			continue
		}
		result, err := suite.Check(ctx, statement)
		require.NoError(t, err)
		if result.Outcome == spec.Failed {
			t.Log(result.Statement.ID, result.Message)
			return statement.ID
		}
	}
	return ""
}

// likely returns statements in the order in which they have words in common with the entry.
func (r brokenRegistry) likely(statements []spec.Statement) []spec.Statement {
	words := func(texts ...string) map[string]bool {
		set := map[string]bool{}
		for _, word := range strings.FieldsFunc(strings.ToLower(strings.Join(texts, " ")), func(c rune) bool { return c < 'a' || c > 'z' }) {
			set[word] = true
		}
		return set
	}
	mine := words(r.name, r.sentence)
	shared := func(s spec.Statement) int {
		n := 0
		for word := range words(s.ID, s.ID, s.Text) {
			if mine[word] {
				n++
			}
		}
		return n
	}
	order := map[string]int{}
	for _, s := range statements {
		order[s.ID] = shared(s)
	}
	slices.SortStableFunc(statements, func(a, b spec.Statement) int { return order[b.ID] - order[a.ID] })
	return statements
}

func (r rightRegistry) check(t *testing.T) []string {
	ctx, cancel := context.WithTimeout(t.Context(), entryTime)
	defer cancel()
	results, err := spec.Run(ctx, r.target(t))
	if err != nil {
		return []string{"run: " + err.Error()}
	}
	var findings []string
	for _, result := range results {
		if result.Outcome == spec.Failed && !(r.beyond && result.Statement.Source == spec.Ours) {
			findings = append(findings, result.Statement.ID+": "+result.Message)
		}
	}
	return findings
}

func (s brokenStore) find(t *testing.T, by string) string {
	for _, check := range storetest.Checks() {
		if by != "" && by != check.Name {
			continue
		}
		if err := runCheck(t, check, s.breaks); err != nil {
			t.Logf("%s: %.300s", check.Name, err)
			return check.Name
		}
	}
	return ""
}

func (s rightStore) check(t *testing.T) []string {
	var findings []string
	for _, check := range storetest.Checks() {
		if err := runCheck(t, check, s.change); err != nil {
			findings = append(findings, check.Name+": "+err.Error())
		}
	}
	return findings
}

func runCheck(t *testing.T, check storetest.Check, change func(*hooked)) error {
	ctx, cancel := context.WithTimeout(t.Context(), entryTime)
	defer cancel()
	return check.Run(ctx, func() (registry.Store, error) {
		h := &hooked{Store: memstore.New(memstore.Options{})}
		change(h)
		return h, nil
	})
}

func (e entryClient) find(t *testing.T, by string) string {
	result := e.sweep(t, by)
	for _, cell := range result.Cells {
		if cell.Verdict == exam.Violated {
			t.Log(cell.Point, cell.Effect, cell.Violations)
			return cell.Effect
		}
	}
	return ""
}

func (e entryClient) check(t *testing.T) []string {
	var findings []string
	for _, cell := range e.sweep(t, "").Cells {
		if cell.Verdict == exam.Violated {
			findings = append(findings, fmt.Sprint(cell.Point, " ", cell.Effect, " ", cell.Violations))
		}
	}
	return findings
}
