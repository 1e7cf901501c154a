package exam

import (
	"fmt"
	"html"
	"strings"
)

// Markdown returns the scorecard in Markdown, as for the summary of a CI job: the grades,
// each fault, and a table of all trials for each group, which can be unfolded.
func (s *Scorecard) Markdown() string {
	c := s.printable()
	actions := c.actions()
	var text strings.Builder
	fmt.Fprintf(&text, "# %s: %s\n\n%s\n\n", markdown(c.title()), gradeWords(c.Grade("", "", "")), markdown(c.summary()))
	writeRow(&text, append([]string{"", "all"}, actions...))
	text.WriteString("| :-- |" + strings.Repeat(" :-: |", len(actions)+1) + "\n")
	for _, group := range c.groups() {
		writeRow(&text, c.gradeRow(group, group, actions))
	}
	writeRow(&text, c.gradeRow("", "all", actions))
	if faults := c.faults(); len(faults) > 0 {
		text.WriteString("\n## Faults\n\n| trial | verdict | reason |\n| :-- | :-- | :-- |\n")
		for _, r := range faults {
			writeRow(&text, []string{r.ID(), string(r.Verdict), r.Reason})
		}
	}
	text.WriteString("\n## Trials\n\n" + c.legend() + "\n")
	for _, group := range c.groups() {
		rows := c.rows(group)
		fmt.Fprintf(&text, "\n<details><summary>%s: %d</summary>\n\n", html.EscapeString(group), len(rows))
		writeRow(&text, append([]string{""}, actions...))
		text.WriteString("| :-- |" + strings.Repeat(" :-: |", len(actions)) + "\n")
		for _, row := range rows {
			cells := []string{row.name}
			for _, action := range actions {
				r, ok := row.of(action)
				cells = append(cells, onlyIf(ok, r.Verdict.mark))
			}
			writeRow(&text, cells)
		}
		text.WriteString("\n</details>\n")
	}
	for _, note := range c.Notes {
		text.WriteString("\n" + markdown(note) + "\n")
	}
	return text.String()
}

// writeRow writes a row of a table.
func writeRow(text *strings.Builder, cells []string) {
	for _, cell := range cells {
		text.WriteString("| " + markdown(cell) + " ")
	}
	text.WriteString("|\n")
}

// markdown escapes all punctuation that can be markup.
func markdown(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '<':
			b.WriteString("&lt;")
		case c == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]>#!|~@$^", c):
			b.WriteString(`\` + string(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// mark is the verdict in a table.
func (v Verdict) mark() string {
	for _, row := range verdicts {
		if row.verdict == v {
			return row.mark
		}
	}
	return "X"
}

// legend explains the marks of the verdicts that occur.
func (s *Scorecard) legend() string {
	counts := map[string]int{}
	names := map[string][]string{}
	var marks []string
	for _, row := range verdicts {
		n := 0
		for i := range s.Trials {
			if s.Trials[i].Verdict == row.verdict {
				n++
			}
		}
		if n == 0 {
			continue
		}
		if counts[row.mark] == 0 {
			marks = append(marks, row.mark)
		}
		counts[row.mark] += n
		names[row.mark] = append(names[row.mark], string(row.verdict))
	}
	var parts []string
	for _, mark := range marks {
		parts = append(parts, fmt.Sprintf("%s %s: %d", markdown(mark), strings.Join(names[mark], " or "), counts[mark]))
	}
	return strings.Join(parts, ", ")
}
