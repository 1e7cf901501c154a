package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// A unit describes the figures of a row, and formats them.
type unit func(float64) string

func inSeconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return d.Round(100 * time.Nanosecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func inBytes(n float64) string { return humanize.IBytes(uint64(max(n, 0))) }

func inRequests(n float64) string { return humanize.Comma(int64(n)) }

// target is the required bound of a ratio.
type target struct {
	sign  string
	bound float64
}

// atLeast requires a minimum rate, relative to the base.
func atLeast(bound float64) target { return target{"≥", bound} }

// atMost requires a maximum cost, relative to the base.
func atMost(bound float64) target { return target{"≤", bound} }

// below requires a cost below the bound.
func below(bound float64) target { return target{"<", bound} }

// least requires a lower cost than all others.
func least() target { return target{sign: "least"} }

func (t target) ratio(p pair) float64 {
	if t.sign == "≥" {
		return p.base / p.subject
	}
	return p.subject / p.base
}

// reached reports whether a ratio meets the target, given the ratios of the others.
func (t target) reached(median float64, others ...float64) bool {
	switch t.sign {
	case "≥":
		return median >= t.bound
	case "≤":
		return median <= t.bound
	case "least":
		return !slices.ContainsFunc(others, func(other float64) bool { return other <= median })
	}
	return median < t.bound
}

func (t target) String() string {
	if t.bound == 0 {
		return t.sign
	}
	return fmt.Sprintf("%s %.2f", t.sign, t.bound)
}

// table prints results as Markdown, each line when it is complete.
type table struct {
	w       io.Writer
	columns []subject
}

func (t table) header() error {
	cells := []string{"workload", "base", t.columns[0].name, "target", ""}
	for _, s := range t.columns[1:] {
		cells = append(cells, s.name)
	}
	rule := "|:--|--:|--:|--:|:--|" + strings.Repeat("--:|", len(t.columns)-1)
	_, err := fmt.Fprintf(t.w, "%s\n%s\n", line(cells), rule)
	return err
}

// row prints the results of a row.
func (t table) row(r row, results []result) error {
	first := results[0]
	cells := []string{r.name, first.base(r.unit), first.cell(r.target), r.target.String(), verdict(results, r.target)}
	for _, other := range results[1:] {
		cells = append(cells, other.cell(r.target))
	}
	for len(cells) < len(t.columns)+4 {
		cells = append(cells, "")
	}
	_, err := fmt.Fprintln(t.w, line(cells))
	return err
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }
