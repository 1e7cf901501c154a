package faults

import (
	"fmt"
	"slices"

	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
)

// Presets are faults that real registries, and what stands before them, have
// shown to real clients; [Known] lists them.
//
// Sizes and counts are for the small images of tests: bodies are cut after 100
// bytes, and what passes happens once or twice, so that a client that tries again
// gets through. What a registry cannot do on the wire is not among them: names that
// do not resolve, and hosts that do not answer to a SYN. Nor is what rules cannot say:
// another status for what the registry has done (201 to a PATCH), what is in a query
// (a cursor that a client has rebuilt), and what is in a token that is given out (see
// auth.TokenOptions for those from the future, and for fields that are left out).
//
// Presets about tokens are for registries that give tokens: others refuse them, or
// are never asked for one.

// Preset is a fault that was seen in the wild: what happens, who met it, and what
// a correct client makes of it.
type Preset struct {
	Name      string        `json:"name"`      // by what happens: "reset-mid-blob"
	What      string        `json:"what"`      // on the wire
	Citations []string      `json:"citations"` // "owner/repository#number", or URLs
	Clients   []string      `json:"clients"`   // that met it
	Correct   string        `json:"correct"`   // what a correct client does
	Recovers  bool          `json:"recovers"`  // a correct client gets through in the end
	Rules     func() []Rule `json:"-"`         // named after the preset; it is enough that one of them fires
}

// Where returns the preset's rules for those requests only that the filters mean.
// Rules on connections stay as they are.
func (p Preset) Where(filters ...op.Filter) []Rule {
	rules := p.Rules()
	for i, rule := range rules {
		if !rule.Connect {
			rules[i] = rule.Where(filters...)
		}
	}
	return rules
}

// Known returns all presets.
func Known() []Preset {
	all := slices.Concat(knownConnection(), knownThrottling(), knownStatus(), knownCredentials(), knownUploads(), knownReads(), knownLies(), knownLists())
	for i, p := range all {
		all[i].Rules = func() []Rule { return named(p.Name, p.Rules()) }
	}
	return all
}

// FindKnown returns the preset with this name. Without one, the error lists those
// whose names are near it, or all.
func FindKnown(name string) (Preset, error) {
	all := Known()
	if i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Preset{}, fmt.Errorf("faults: there is no preset %q: %s", name, near.Hint(name, namesOf(all)))
}

func namesOf(presets []Preset) []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.Name
	}
	return names
}

// rules are those of a preset.
func rules(list ...Rule) func() []Rule {
	return func() []Rule { return slices.Clone(list) }
}

// named gives the rules of a preset its name, from the second on with a number.
func named(name string, rules []Rule) []Rule {
	for i := range rules {
		rules[i].Name, rules[i].Preset = name, name
		if i > 0 {
			rules[i].Name = fmt.Sprintf("%s-%d", name, i+1)
		}
	}
	return rules
}

// someBytes is how much of a body gets through: less than the configuration of an
// image has, so that it does not matter which blob is asked for first.
const someBytes = 100

// onPull, onManifest, onStart and onUpload are rules on what pulling and pushing ask
// for.
func onPull() Rule     { return On(op.ManifestGet, op.ManifestHead, op.BlobGet) }
func onManifest() Rule { return On(op.ManifestGet, op.ManifestHead) }
func onStart() Rule    { return On(op.UploadStart, op.BlobMount) }
func onUpload() Rule   { return On(op.UploadChunk, op.UploadCommit) }
