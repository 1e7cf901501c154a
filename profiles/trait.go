package profiles

import (
	"fmt"
	"slices"
	"sync"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Trait is one thing in which registries differ.
type Trait struct {
	Name    string   // "upload.location"
	About   string   // what differs, one sentence
	Section string   // of the distribution specification; empty: the specification does not define it
	Kind    Kind     // of its values
	Values  []string // all values of a [Choice]
	Strict  string   // the value of the strict registry
}

// Kind is the kind of the values of a trait.
type Kind string

// The kinds.
const (
	Choice  Kind = "choice"  // one of a list
	Outcome Kind = "outcome" // a status, and an error code: "404 NAME_UNKNOWN"
	Number  Kind = "number"  // a number above 0, or the strict value
	Text    Kind = "text"    // any text
)

// Traits returns all traits, by group.
func Traits() []Trait {
	all := make([]Trait, len(table))
	for i := range table {
		all[i] = table[i].Trait()
	}
	return all
}

// trait is a row of the table.
type trait struct {
	name, about, section string
	kind                 Kind
	values               []string
	strict               string

	// set applies a value. flag is the flag of the dialect that is true for the value when. Without
	// both, the answers and rules of facts do all.
	set  func(*Settings, Value) error
	flag func(*registry.Dialect) *bool
	when Value

	// Of an outcome: which answers it is about. errors: all errors.
	ops    []op.Op
	causes []string // names of causes
	errors bool

	// refuse makes the registry refuse what the strict one does, with one of the causes in refused.
	// Without it, the operations are missing. accept makes it do what the strict one refuses.
	refuse  func(*Settings)
	refused []string
	accept  func(*Settings)

	// fails are the values with which a correct client may fail; "*": all. Without it, they are
	// the outcomes that differ from the strict one in their status, unless they are successes.
	fails []string
}

// none are the values of a trait with which no correct client fails.
var none = []string{}

// MayFail reports whether a correct client may fail on a registry with a value of a trait: the
// registry does not do what the client needs, or answers in a way that the specification does
// not allow. With any other value a correct client succeeds. It is false for an unknown trait.
func MayFail(trait string, v Value) bool {
	t, ok := find(trait)
	switch {
	case !ok || !t.differs(v):
		return false
	case t.fails != nil:
		return slices.Contains(t.fails, string(v)) || slices.Contains(t.fails, "*")
	case t.kind != Outcome:
		return false
	}
	status, _, err := parseOutcome(v)
	strict, _, strictErr := parseOutcome(Value(t.strict))
	return err == nil && status >= 400 && (strictErr != nil || status != strict)
}

// Trait returns what callers see of the row.
func (t *trait) Trait() Trait {
	return Trait{t.name, t.about, t.section, t.kind, slices.Clone(t.values), t.strict}
}

func (t *trait) differs(v Value) bool { return string(v) != t.strict }

// check returns an error if the trait does not have the value.
func (t *trait) check(v Value) error {
	switch {
	case v == "":
		return fmt.Errorf("the value is missing")
	case t.kind == Choice && !slices.Contains(t.values, string(v)):
		return fmt.Errorf("%q is not a value: %s", string(v), near.Hint(string(v), t.values))
	case t.kind == Outcome && t.differs(v):
		_, _, err := parseOutcome(v)
		return err
	}
	return nil
}

// byName has the rows of the table by name.
var byName = sync.OnceValue(func() map[string]*trait {
	rows := make(map[string]*trait, len(table))
	for i := range table {
		rows[table[i].name] = &table[i]
	}
	return rows
})

func find(name string) (*trait, bool) {
	t, ok := byName()[name]
	return t, ok
}

func unknownTrait(name string) error {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].name
	}
	return fmt.Errorf("unknown trait: %s", near.Hint(name, names))
}
