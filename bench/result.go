package main

import (
	"errors"
	"fmt"
)

// result is the outcome of a comparison.
type result struct {
	pairs []pair
	err   error
}

// cell is the ratio, or why there is none.
func (r result) cell(t target) string {
	switch {
	case errors.Is(r.err, errStops):
		return "stops"
	case errors.Is(r.err, errNoSuchAPI), errors.Is(r.err, errNotTold):
		return "–"
	case r.err != nil:
		return "fails"
	}
	q := ratioOf(r.pairs, t.ratio)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", q.median, q.low, q.high)
}

// verdict judges the first of some results.
func verdict(results []result, t target) string {
	first, others := results[0], []float64{}
	for _, r := range results[1:] {
		if r.err == nil {
			others = append(others, r.median(t))
		}
	}
	if first.err == nil && t.reached(first.median(t), others...) {
		return "PASS"
	}
	return "MISS"
}

func (r result) median(t target) float64 { return ratioOf(r.pairs, t.ratio).median }

// base is the median of what the base took.
func (r result) base(u unit) string {
	if r.err != nil {
		return ""
	}
	return u(ratioOf(r.pairs, func(p pair) float64 { return p.base }).median)
}

// failure returns the error, unless it is a finding that the table shows.
func (r result) failure(of row, s subject) error {
	if r.err == nil || errors.Is(r.err, errStops) || errors.Is(r.err, errNoSuchAPI) || errors.Is(r.err, errNotTold) {
		return nil
	}
	return fmt.Errorf("%s of %s: %w", of.name, s.name, r.err)
}
