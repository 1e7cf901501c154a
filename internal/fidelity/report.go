package fidelity

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// Summary counts the outcomes of a replay.
type Summary struct {
	Exchanges int // of the recording
	Replayed  int // whose request was sent
	Equal     int // without a difference

	// Answered are the exchanges whose recorded status is not 401: a report of the suite has a 401
	// for each request, so that they would outweigh all else. EqualAnswered are those of them
	// without a difference.
	Answered      int
	EqualAnswered int
}

// Percent returns the part of the answered exchanges that are equal.
func (s Summary) Percent() float64 {
	return 100 * float64(s.EqualAnswered) / float64(max(s.Answered, 1))
}

// Summarize counts outcomes.
func Summarize(outcomes []Outcome) Summary {
	var s Summary
	for _, o := range outcomes {
		equal := len(o.Differences) == 0
		s.Exchanges++
		s.Replayed += count(!slices.ContainsFunc(o.Differences, func(d Difference) bool { return d.Kind == kindReplay }))
		s.Equal += count(equal)
		if o.Answer.Status != http.StatusUnauthorized {
			s.Answered++
			s.EqualAnswered += count(equal)
		}
	}
	return s
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Column is a kind of registry on which recordings are replayed.
type Column struct {
	Name string

	// Start starts an empty registry for a recording, and returns false if there is none of the
	// kind.
	Start func(*Recording) (Target, bool)
}

// Row has the outcomes of a recording in each column; nil if the column has no registry.
type Row struct {
	*Recording
	Outcomes [][]Outcome
}

// Run replays recordings on the registries of columns.
func Run(ctx context.Context, recordings []*Recording, columns ...Column) ([]Row, error) {
	var rows []Row
	for _, r := range recordings {
		row := Row{r, make([][]Outcome, len(columns))}
		for i, column := range columns {
			target, ok := column.Start(r)
			if !ok {
				continue
			}
			outcomes, err := r.Replay(ctx, target)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", r.Registry, column.Name, err)
			}
			row.Outcomes[i] = outcomes
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// WriteTable writes how many exchanges of each recording are equal in each column.
func WriteTable(w io.Writer, rows []Row, columns ...Column) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := []string{"registry", "exchanges", "not 401", "not replayed"}
	for _, column := range columns {
		line = append(line, column.Name, "%")
	}
	fmt.Fprintln(table, strings.Join(line, "\t"))
	for _, row := range rows {
		var figures []string
		first := Summary{}
		for _, outcomes := range row.Outcomes {
			if outcomes == nil {
				figures = append(figures, "-", "-")
				continue
			}
			s := Summarize(outcomes)
			first = cmp.Or(first, s)
			figures = append(figures, fmt.Sprint(s.EqualAnswered), fmt.Sprintf("%.1f", s.Percent()))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", row.Registry, first.Exchanges, first.Answered, first.Exchanges-first.Replayed, strings.Join(figures, "\t"))
	}
	return table.Flush()
}

// WriteDifferences writes the differences of outcomes in Markdown. Equal ones are written once,
// with the operations in whose answers they are: "blob.get 404" is an answer that is recorded with
// the status 404.
func WriteDifferences(w io.Writer, r *Recording, name string, outcomes []Outcome) error {
	s := Summarize(outcomes)
	var text strings.Builder
	fmt.Fprintf(&text, "## %s\n\n%d of %d exchanges are not 401; %s has %d of them equal, %.1f %%. Not replayed: %d.\n",
		r.Registry, s.Answered, s.Exchanges, name, s.EqualAnswered, s.Percent(), s.Exchanges-s.Replayed)
	if names := r.StandIns(); len(names) > 0 {
		fmt.Fprintf(&text, "Contents that the recording lacks, and for which others are sent: %s.\n", strings.Join(names, ", "))
	}
	for _, part := range []struct {
		title   string
		refused bool
	}{{"Answers", false}, {"Refusals for want of credentials (401)", true}} {
		chosen := slices.DeleteFunc(slices.Clone(outcomes), func(o Outcome) bool {
			return (o.Answer.Status == http.StatusUnauthorized) != part.refused
		})
		fmt.Fprintf(&text, "\n### %s\n", part.title)
		for _, kind := range []string{kindReplay, "status", "code", "header", "body"} {
			writeKind(&text, r, name, kind, chosen)
		}
	}
	text.WriteByte('\n')
	_, err := io.WriteString(w, text.String())
	return err
}

// writeKind writes the differences of a kind. Where the status differs, so do header and body:
// they are written with the status, and nowhere else.
func writeKind(text *strings.Builder, r *Recording, name, kind string, outcomes []Outcome) {
	where := map[Difference][]string{}
	var order []Difference
	for _, o := range outcomes {
		other := o.Got.Status != o.Answer.Status
		for _, d := range o.Differences {
			if d.Kind != kind || other && kind != "status" && kind != kindReplay {
				continue
			}
			if kind == "status" {
				d.Want, d.Got = summary(o.Answer), summary(o.Got)
			}
			if want, got := anyContent(d.Want), anyContent(d.Got); want != got {
				d.Want, d.Got = want, got
			}
			if _, seen := where[d]; !seen {
				order = append(order, d)
			}
			where[d] = append(where[d], fmt.Sprintf("%s %d", o.Op, o.Answer.Status))
			if kind == "status" || kind == "code" {
				where[d][len(where[d])-1] += fmt.Sprintf(" (%s)", o.Request)
			}
		}
	}
	if len(order) == 0 {
		return
	}
	fmt.Fprintf(text, "\n#### %s\n\n", kind)
	slices.SortStableFunc(order, func(a, b Difference) int { return cmp.Compare(a.At, b.At) })
	for _, d := range order {
		what := d.At
		if what != "" {
			what = "`" + what + "`: "
		}
		n := len(where[d])
		fmt.Fprintf(text, "- %s%s says `%s`, %s says `%s`: %s (%d exchange%s)\n", what, name, d.Got, r.Registry, d.Want, tally(where[d]), n, plural(n))
	}
}

var contentNames = regexp.MustCompile(`<(config|manifest)[0-9]>|<(layer|empty|emptyLayer|blobA|blobB|hello|ref[A-Z][A-Za-z]*)>`)

// anyContent replaces the names of contents, so that answers about different ones are the same.
func anyContent(text string) string { return contentNames.ReplaceAllString(text, "<content>") }

// summary formats an answer in a line.
func summary(a Answer) string {
	parts := []string{fmt.Sprint(a.Status)}
	for _, name := range union(a.Header, nil) {
		parts = append(parts, name+": "+a.Header[name])
	}
	if a.Body != nil {
		parts = append(parts, compact(a.Body))
	}
	return strings.Join(parts, " | ")
}

// tally lists texts with the number of each.
func tally(texts []string) string {
	counts := map[string]int{}
	var order []string
	for _, text := range texts {
		if counts[text] == 0 {
			order = append(order, text)
		}
		counts[text]++
	}
	for i, text := range order {
		if n := counts[text]; n > 1 {
			order[i] = fmt.Sprintf("%s ×%d", text, n)
		}
	}
	return strings.Join(order, ", ")
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
