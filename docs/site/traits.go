package main

import (
	"bytes"
	_ "embed"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/profiles"
)

// traitsFile is a page of the site that is not one of Markdown: the traits by registry as a table,
// with filters. Without JavaScript it is the whole table.
const traitsFile = "docs/traits.html"

//go:embed traits.html
var traitsLayout string

// traitRow is a row of the table: a trait, and its value in each registry.
type traitRow struct {
	profiles.Trait
	Cells []cell
}

// cell is the value of a trait in a registry. Fact is nil if it is unknown.
type cell struct {
	*profiles.Fact
	Strict bool // the value is that of the strict registry
}

// Link returns the URL of the evidence, or "".
func (c cell) Link() string {
	if m := issue.FindStringSubmatch(c.Source); m != nil {
		return "https://github.com/" + m[1] + "/issues/" + m[2]
	}
	if strings.HasPrefix(c.Source, "https://") {
		return c.Source
	}
	return ""
}

var issue = regexp.MustCompile(`^([\w.-]+/[\w.-]+)#(\d+)$`)

// Evidence returns the kind of the evidence in words.
func (c cell) Evidence() string { return grades[c.Grade] }

var grades = map[profiles.Grade]string{
	profiles.FromSource:        "source code",
	profiles.FromWire:          "recorded answer",
	profiles.FromDocumentation: "documentation",
	profiles.FromWorkaround:    "workaround in a client",
	profiles.FromReport:        "report",
	profiles.FromProbe:         "measured",
}

// traitsBody returns the table of traits and registries.
func traitsBody() (string, error) {
	all, facts, err := everyProfile()
	if err != nil {
		return "", err
	}
	var rows []traitRow
	for _, t := range profiles.Traits() {
		row := traitRow{Trait: t}
		for i := range all {
			f := facts[i][t.Name]
			row.Cells = append(row.Cells, cell{f, f != nil && string(f.Value) == t.Strict})
		}
		rows = append(rows, row)
	}
	t, err := template.New("traits").Parse(traitsLayout)
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	err = t.Execute(&body, map[string]any{"Profiles": all, "Rows": rows})
	return body.String(), err
}

// everyProfile returns the profiles by title, and the facts of each by trait.
func everyProfile() (all []*profiles.Profile, facts []map[string]*profiles.Fact, err error) {
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *profiles.Profile) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	for _, p := range all {
		list, err := p.AllFacts()
		if err != nil {
			return nil, nil, err
		}
		byTrait := map[string]*profiles.Fact{}
		for i := range list {
			byTrait[list[i].Trait] = &list[i]
		}
		facts = append(facts, byTrait)
	}
	return all, facts, nil
}
