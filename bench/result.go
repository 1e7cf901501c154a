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
	case errors.Is(r.err, errNoSuchAPI):
		return "–"
	case r.err != nil:
		return "fails"
	}
	q := ratioOf(r.pairs, t.ratio)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", q.median, q.low, q.high)
}

func (r result) verdict(t target) string {
	if r.err == nil && t.reached(ratioOf(r.pairs, t.ratio).median) {
		return "PASS"
	}
	return "MISS"
}

// base is the median of what the base took.
func (r result) base(u unit) string {
	if r.err != nil {
		return ""
	}
	return u(ratioOf(r.pairs, func(p pair) float64 { return p.base }).median)
}

// failure returns the error, unless it is a finding that the table shows.
func (r result) failure(of row, s subject) error {
	if r.err == nil || errors.Is(r.err, errStops) || errors.Is(r.err, errNoSuchAPI) {
		return nil
	}
	return fmt.Errorf("%s of %s: %w", of.name, s.name, r.err)
}
