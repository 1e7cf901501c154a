// Package known lists faults that real registries, and the proxies in front of them,
// have shown to real clients. Each fault has citations, and rules that are ready to use:
//
//	fault, err := known.Find("reset-mid-blob")
//	...
//	reg.Inject(t, fault.Rules(record.Repo("app"))...)
//
// The rules are made for the small images of tests: bodies are cut after 100 bytes, and
// a fault that passes occurs once or twice, so that a client that retries succeeds.
//
// Rules on tokens need a registry with token authentication. "challenge-capitals" and
// "challenge-unknown-scheme" need one with passwords, and "forbidden-for-absent" one
// without authentication.
//
// The list leaves out what a registry cannot show on the wire, such as names that do not
// resolve. The page docs/faults.md has this list, and further reports of clients with rules.
package known

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/record"
)

// files are the faults, as data: a test that links this package compiles no table.
//
//go:embed *.json
var files embed.FS

// Fault is a fault that was seen in the wild.
type Fault struct {
	Name      string   `json:"name"`      // describes what happens: "reset-mid-blob"
	What      string   `json:"what"`      // what happens on the wire
	Citations []string `json:"citations"` // reports: "owner/repository#number", or a URL
	Clients   []string `json:"clients"`   // clients that met the fault
	Correct   string   `json:"correct"`   // what a correct client does: "verifies the digest"
	Recovers  bool     `json:"recovers"`  // a correct client succeeds in the end

	rules json.RawMessage
}

// row is a fault in a file.
type row struct {
	Fault
	Rules json.RawMessage `json:"rules"`
}

// All returns all known faults, grouped by what fails.
func All() []Fault {
	var all []Fault
	for _, group := range []string{"connection", "throttling", "status", "credentials", "uploads", "reads", "lies", "lists"} {
		var rows []row
		text, err := files.ReadFile(group + ".json")
		if err == nil {
			err = json.Unmarshal(text, &rows)
		}
		if err != nil {
			panic(fmt.Sprintf("known: %s.json: %v", group, err)) // a test reads all files
		}
		for _, r := range rows {
			r.rules = r.Rules
			all = append(all, r.Fault)
		}
	}
	return all
}

// Find returns the known fault with this name. If there is none, the error suggests
// similar names, or lists all of them.
func Find(name string) (Fault, error) {
	all := All()
	if i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	return Fault{}, fmt.Errorf("there is no known fault %q: %s", name, near.Hint(name, names))
}

// Rules returns the rules of the fault, restricted to requests that match all filters.
// Filters do not apply to rules on connections. The first rule has the name of the
// fault, later ones a number too: "chunk-too-small-400-2". It is enough that one of the
// rules fires, see [faults.Rule.Known].
func (f Fault) Rules(filters ...record.Filter) []faults.Rule {
	var rules []faults.Rule
	if err := json.Unmarshal(f.rules, &rules); f.rules != nil && err != nil {
		panic(fmt.Sprintf("known: %s: %v", f.Name, err)) // a test reads all rules
	}
	for i, rule := range rules {
		rule.Name, rule.Known = f.Name, f.Name
		if i > 0 {
			rule.Name = fmt.Sprintf("%s-%d", f.Name, i+1)
		}
		if !rule.Connect {
			rule = rule.Where(filters...)
		}
		rules[i] = rule
	}
	return rules
}
