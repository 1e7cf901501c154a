// Package profiles has real registries as data: in which traits each differs from the strict
// registry, with the evidence.
//
//	ecr, err := profiles.Find("ecr")
//	…
//	settings, err := ecr.Settings() // options of registry and auth, and rules
//
// A test uses registrytest.WithProfile("ecr"). A trait of which a profile has no fact is unknown,
// and the registry is strict in it.
//
// This package is experimental: its names may change in any release.
package profiles

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/registry"
)

//go:generate go test . -run ^TestEmbedded$ -update

// files are the profiles as JSON, which a test makes of the YAML files.
//
//go:embed data/*.json
var files embed.FS

// Profile is a registry: its facts, with the evidence of each.
type Profile struct {
	Name    string   `json:"name"`    // "ecr"
	Title   string   `json:"title"`   // "Amazon ECR"
	Aliases []string `json:"aliases"` // other names of the profile
	Hosts   []string `json:"hosts"`   // patterns of host names
	Extends string   `json:"extends"` // the profile whose facts this one has, too, unless it has facts of the same trait
	Facts   []Fact   `json:"facts"`

	made *made // of a profile of this package; nil for others
}

// made is what is made once of a profile of this package.
type made struct {
	profile  *Profile // to tell it from a copy, which can be changed
	once     sync.Once
	settings Settings
	err      error
}

// Fact is the value of a registry for a trait.
type Fact struct {
	Trait string `json:"trait"` // the name of a [Trait]
	Value Value  `json:"value"`

	// Answer adds to the answer of which the value is the status and the error code: the message,
	// the detail, the shape, the body, and header fields. Ops, Causes and Errors are those of the
	// trait, unless they are set.
	Answer *registry.Answer `json:"answer"`

	// Also are further answers, as they are.
	Also []registry.Answer `json:"also"`

	// Rules are what no option of the registry can do.
	Rules []faults.Rule `json:"rules"`

	// Off keeps the fact from being applied: tests that do not expect it would fail for a reason
	// that is not theirs. It says why.
	Off string `json:"off"`

	Seen   string `json:"seen"`   // what is seen on the wire
	Source string `json:"source"` // the citation: "owner/repository#number", a file, or a URL
	Grade  Grade  `json:"grade"`
	Date   string `json:"date"` // when it was seen: "2026-08", or empty
}

// Grade is the kind of evidence of a fact.
type Grade string

// The grades.
const (
	FromSource        Grade = "S" // the source of the registry
	FromWire          Grade = "R" // a recorded answer
	FromDocumentation Grade = "D" // the documentation of the registry
	FromWorkaround    Grade = "W" // a workaround in a client
	FromReport        Grade = "I" // a report
	FromProbe         Grade = "P" // measured by ocifake probe
)

// Value is the value of a trait as text. In JSON it can also be a number, true or false.
type Value string

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Value) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case string:
		*v = Value(value)
	case bool:
		*v = "no"
		if value {
			*v = "yes"
		}
	case float64:
		*v = Value(strings.TrimSpace(string(text)))
	default:
		return errors.New("want text, a number, true or false")
	}
	return nil
}

const maxFacts = 500 // of a profile

// Read reads a profile as JSON, and checks it. Package config reads YAML.
func Read(text []byte) (*Profile, error) {
	var p Profile
	if err := strict.Decode(text, &p); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &p, nil
}

// Names returns the names of the profiles of this package, sorted.
func Names() []string { return slices.Clone(embedded().names) }

// catalog is the embedded profiles. It is made when it is first needed.
type catalog struct {
	names    []string
	profiles map[string]func() (*Profile, error) // by name, read when they are first needed
}

var embedded = sync.OnceValue(func() catalog {
	entries, err := files.ReadDir("data")
	if err != nil {
		panic("profiles: " + err.Error()) // they are embedded
	}
	c := catalog{profiles: map[string]func() (*Profile, error){}}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		c.names = append(c.names, name)
		c.profiles[name] = sync.OnceValues(func() (*Profile, error) { return load(name) })
	}
	return c
})

// Find returns the profile with this name or alias. If there is none, the error suggests similar
// names. The profile is shared: do not change it, nor what its facts point to. To have another one,
// change the fields of a copy.
func Find(name string) (*Profile, error) {
	all := embedded()
	if read, ok := all.profiles[name]; ok {
		return read()
	}
	names := slices.Clone(all.names)
	for _, other := range all.names {
		p, err := all.profiles[other]()
		if err != nil {
			return nil, err
		}
		if slices.Contains(p.Aliases, name) {
			return p, nil
		}
		names = append(names, p.Aliases...)
	}
	return nil, fmt.Errorf("there is no profile %q: %s", name, near.Hint(name, names))
}

func load(name string) (*Profile, error) {
	text, err := files.ReadFile("data/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var p Profile
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	p.made = &made{profile: &p}
	return &p, nil
}

// AllFacts returns the facts of the profile and of those that it extends.
func (p *Profile) AllFacts() ([]Fact, error) {
	all, err := p.facts()
	return slices.Clone(all), err
}

// facts is AllFacts without a copy of the facts.
func (p *Profile) facts() ([]Fact, error) {
	all, seen := slices.Clip(p.Facts), []string{p.Name}
	for base := p.Extends; base != ""; {
		if slices.Contains(seen, base) {
			return nil, fmt.Errorf("profile %s: extends itself", p.Name)
		}
		seen = append(seen, base)
		b, err := Find(base)
		if err != nil {
			return nil, fmt.Errorf("profile %s: extends: %w", p.Name, err)
		}
		for _, f := range b.Facts {
			if !slices.ContainsFunc(all, func(own Fact) bool { return own.Trait == f.Trait }) {
				all = append(all, f)
			}
		}
		base = b.Extends
	}
	if len(all) > maxFacts {
		return nil, fmt.Errorf("profile %s: %d facts: want at most %d", p.Name, len(all), maxFacts)
	}
	return all, nil
}

// Explain returns what the registry does in a trait, with its citation, or "".
func (p *Profile) Explain(trait string) string {
	facts, err := p.AllFacts()
	if err != nil {
		return ""
	}
	for _, f := range facts {
		if f.Trait == trait {
			return fmt.Sprintf("%s: %s (%s)", p.Title, strings.TrimSuffix(f.Seen, "."), f.Source)
		}
	}
	return ""
}
