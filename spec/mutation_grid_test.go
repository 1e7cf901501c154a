package spec_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/onsi/ginkgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/spec"
)

var grid = flag.String("grid", "", "run only the mutations of the grid whose names contain a text")

// kind is a kind of answer: what a registry says to an operation, and why.
type kind struct {
	op     op.Op
	status int
	code   string // of the error, if it is one
}

func (k kind) String() string {
	return strings.TrimSpace(fmt.Sprintf("%v %d %s", k.op, k.status, k.code))
}

func kindOf(a *reply) kind {
	var errors struct{ Errors []struct{ Code string } }
	k := kind{op: a.Op, status: a.status}
	if a.status >= 400 && json.Unmarshal(a.body, &errors) == nil && len(errors.Errors) > 0 {
		k.code = errors.Errors[0].Code
	}
	return k
}

// sighting is what the statements see of a kind of answer.
type sighting struct {
	fields     map[string]bool // of the header
	properties map[string]int  // of a JSON object in the body, with the most elements that a list had
	body       bool
	statements []spec.Statement // those that see it, the ones with the fewest answers first
}

// sightings returns what each statement sees of a registry that is right.
func sightings(t *testing.T) map[kind]*sighting {
	all := map[kind]*sighting{}
	answers := map[string]int{} // by statement
	var mu sync.Mutex
	for _, s := range spec.Statements() {
		if !s.Checked() || slices.Contains(heavy, s.ID) {
			continue
		}
		seen := map[kind]bool{}
		target := startMutant(t, answered(func(a *reply) {
			mu.Lock()
			defer mu.Unlock()
			k := kindOf(a)
			if all[k] == nil {
				all[k] = &sighting{fields: map[string]bool{}, properties: map[string]int{}}
			}
			seen[k] = true
			answers[s.ID]++
			all[k].add(a)
		}))
		_, err := spec.Run(t.Context(), target, s)
		require.NoError(t, err)
		mu.Lock()
		for k := range seen {
			all[k].statements = append(all[k].statements, s)
		}
		mu.Unlock()
	}
	for _, seen := range all {
		slices.SortStableFunc(seen.statements, func(a, b spec.Statement) int { return answers[a.ID] - answers[b.ID] })
	}
	return all
}

func (s *sighting) add(a *reply) {
	for name := range a.header {
		s.fields[name] = true
	}
	s.body = s.body || len(a.body) > 0
	var object map[string]json.RawMessage
	if a.status < 400 && a.Op != op.BlobGet && a.Op != op.ManifestGet && json.Unmarshal(a.body, &object) == nil {
		for name, value := range object {
			var list []json.RawMessage
			_ = json.Unmarshal(value, &list) // no list has no elements
			s.properties[name] = max(s.properties[name], len(list))
		}
	}
}

// wrongStatuses are statuses that are the wrong ones for some answer.
var wrongStatuses = []int{200, 201, 202, 204, 206, 400, 404, 405, 416, 500}

// otherCodes are codes of errors that are the wrong ones for some answer.
var otherCodes = []string{"UNSUPPORTED", "DENIED", "NOT_A_CODE"}

// wrongFields has, for fields of headers, values that are not right, made from those that are.
var wrongFields = map[string]func(string) string{
	"Content-Range":         func(value string) string { return value + "1" },
	"Content-Type":          func(string) string { return "application/x-other" },
	"Docker-Content-Digest": func(value string) string { return otherDigest(value) },
	"Link":                  func(value string) string { return strings.Replace(value, "rel=", "ler=", 1) },
	"Location":              func(value string) string { return value + "0" },
	"Oci-Subject":           func(value string) string { return otherDigest(value) },
	"Oci-Filters-Applied":   func(string) string { return "annotations" },
	"Range":                 func(value string) string { return value + "1" },
	"Etag":                  func(string) string { return `"other"` },
	"Www-Authenticate":      func(string) string { return "Basic" },
}

func otherDigest(value string) string {
	if strings.HasSuffix(value, "0") {
		return value[:len(value)-1] + "1"
	}
	return value[:len(value)-1] + "0"
}

// gridMutation is a registry with one property of one kind of answer changed. It may be
// none, for which the statements pass.
type gridMutation struct {
	name   string
	kind   kind
	change func(*reply)
}

// gridMutations returns the mutations of all kinds of answers that were seen, in a fixed order.
func gridMutations(seen map[kind]*sighting) []gridMutation {
	var all []gridMutation
	kinds := slices.SortedFunc(maps.Keys(seen), func(a, b kind) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range kinds {
		add := func(name string, change func(*reply)) {
			all = append(all, gridMutation{k.String() + ": " + name, k, change})
		}
		for _, status := range wrongStatuses {
			if status != k.status {
				add(fmt.Sprintf("status %d", status), func(a *reply) { a.status = status })
			}
		}
		for _, name := range slices.Sorted(maps.Keys(seen[k].fields)) {
			if slices.Contains([]string{"Content-Length", "Warning", "Date"}, name) {
				continue // Content-Length is net/http's as well; the others say nothing of the answer
			}
			add("no "+name, func(a *reply) {
				delete(a.header, name)
				if name == "Content-Type" {
					a.header[name] = nil // net/http sniffs it otherwise
				}
			})
			if wrong, ok := wrongFields[name]; ok {
				add("another "+name, func(a *reply) {
					if value := a.header.Get(name); value != "" {
						a.header.Set(name, wrong(value))
					}
				})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(seen[k].properties)) {
			add("body without "+name, property(name, func(json.RawMessage) any { return nil }))
			add("body with "+name+" null", property(name, func(json.RawMessage) any { return json.RawMessage("null") }))
			if seen[k].properties[name] == 0 {
				continue
			}
			add("body with the first of "+name+" missing", elements(name, func(all []json.RawMessage) []json.RawMessage { return all[1:] }))
			add("body with the last of "+name+" twice", elements(name, func(all []json.RawMessage) []json.RawMessage { return append(all, all[len(all)-1]) }))
			if seen[k].properties[name] == 1 {
				continue
			}
			add("body with "+name+" in reverse", elements(name, func(all []json.RawMessage) []json.RawMessage { slices.Reverse(all); return all }))
		}
		if seen[k].body {
			add("no body", func(a *reply) { a.body = nil })
			add("body without its last byte", func(a *reply) { a.body = a.body[:max(0, len(a.body)-1)] })
			add("body with another last byte", func(a *reply) {
				if n := len(a.body); n > 0 {
					a.body = append(bytes.Clone(a.body[:n-1]), a.body[n-1]^1)
				}
			})
		}
		if k.code != "" {
			for _, code := range otherCodes {
				if code != k.code {
					add("code "+code, func(a *reply) { a.body = replaced(a.body, `"`+k.code+`"`, `"`+code+`"`) })
				}
			}
		}
	}
	return all
}

// property returns a change of a property of a JSON object; nil drops it.
func property(name string, change func(json.RawMessage) any) func(*reply) {
	return func(a *reply) {
		var object map[string]any
		var raw map[string]json.RawMessage
		if json.Unmarshal(a.body, &object) != nil || json.Unmarshal(a.body, &raw) != nil || raw[name] == nil {
			return
		}
		if object[name] = change(raw[name]); object[name] == nil {
			delete(object, name)
		}
		a.body, _ = json.Marshal(object) // of what was JSON
	}
}

// elements returns a change of a list in a JSON object that has elements.
func elements(name string, change func([]json.RawMessage) []json.RawMessage) func(*reply) {
	return property(name, func(value json.RawMessage) any {
		var all []json.RawMessage
		if json.Unmarshal(value, &all) != nil || len(all) == 0 {
			return value
		}
		return change(all)
	})
}

// survives reports whether no statement fails on a registry with the mutation.
func (m gridMutation) survives(t *testing.T, statements []spec.Statement) bool {
	target := startMutant(t, answered(func(a *reply) {
		if kindOf(a) == m.kind {
			m.change(a)
		}
	}))
	const atOnce = 4
	for some := range slices.Chunk(statements, atOnce) {
		results, err := spec.Run(t.Context(), target, some...)
		require.NoError(t, err)
		for _, r := range results {
			if r.Outcome == spec.Failed {
				return false
			}
		}
	}
	return true
}

// survivorsFile has a line for each kind of mutations that no statement finds: a pattern of their
// names, and after " | " why a registry may do so.
const survivorsFile = "testdata/survivors.txt"

// survivor is a line of the survivors' file.
type survivor struct {
	pattern string
	match   func(name string) bool
	used    atomic.Bool
}

func readSurvivors(t *testing.T) []*survivor {
	t.Helper()
	text, err := os.ReadFile(survivorsFile)
	require.NoError(t, err)
	var all []*survivor
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		text, reason, ok := strings.Cut(strings.TrimSpace(line), " | ")
		require.True(t, ok && reason != "", "%s: %q has no reason", survivorsFile, line)
		all = append(all, &survivor{pattern: text, match: pattern.Matcher([]string{text})})
	}
	return all
}

// TestGrid changes each property of each kind of answer: an operation with a status and an error
// code. A statement must fail, or the survivors' file says why the registry is right. It runs with
// the flag -thorough.
func TestGrid(t *testing.T) {
	if suite, _ := ginkgo.GinkgoConfiguration(); suite.ParallelTotal > 1 {
		t.Skip("is one process's work")
	}
	if !thorough.Enabled() {
		t.Skip("runs with -thorough")
	}
	var seen map[kind]*sighting
	synctest.Test(t, func(t *testing.T) { seen = sightings(t) })
	survivors := readSurvivors(t)
	t.Cleanup(func() { // when the subtests are done
		for _, s := range survivors {
			assert.True(t, *grid != "" || s.used.Load(), "%s: %q is stale: statements find all of them", survivorsFile, s.pattern)
		}
	})
	for _, m := range gridMutations(seen) {
		if !strings.Contains(m.name, *grid) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if !m.survives(t, seen[m.kind].statements) {
					return
				}
				for _, s := range survivors {
					if s.match(m.name) {
						s.used.Store(true)
						return
					}
				}
				t.Errorf("no statement finds the mutation %q, and %s has no reason", m.name, survivorsFile)
			})
		})
	}
}
