package spec

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/near"
)

// ReadBaseline reads the IDs of statements that are known to fail: one on each line, with
// comments from # on, as "ocifake conformance --write-baseline" writes them. It returns an
// error if no statement has an ID, or if an ID is there twice.
func ReadBaseline(r io.Reader) (map[string]bool, error) {
	must.NotNil("spec: ReadBaseline: r", r)
	known := map[string]bool{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		id := strings.TrimSpace(line)
		switch _, ok := Lookup(id); {
		case id == "":
		case !ok:
			return nil, fmt.Errorf("spec: baseline: line %d: no statement has the ID %.80q%s", n, id, meant(id))
		case known[id]:
			return nil, fmt.Errorf("spec: baseline: line %d: %s is there twice", n, id)
		default:
			known[id] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("spec: baseline: %w", err)
	}
	return known, nil
}

// meant returns a suggestion for an unknown ID.
func meant(id string) string {
	var ids []string
	for _, s := range statements() {
		ids = append(ids, s.ID)
	}
	if mean := near.Mean(id, ids); mean != "" {
		return ": " + mean
	}
	return ""
}
