package main

import (
	"cmp"
	"errors"
	"slices"
)

// A comparison measures a subject for as long as more returns true.
type comparison func(s subject, more func() bool) ([]pair, error)

// pair is a measurement of the base and the subject directly after each other: seconds or bytes.
type pair struct{ base, subject float64 }

// against compares a workload on a subject with the same workload on another.
func against(base subject, w workload) comparison {
	return func(s subject, more func() bool) ([]pair, error) {
		return interleave(base, w, s, w, more)
	}
}

// between compares two workloads on the same subject.
func between(before, after workload) comparison {
	return func(s subject, more func() bool) ([]pair, error) {
		return interleave(s, before, s, after, more)
	}
}

// interleave measures a and b alternately, so that other load on the machine affects both.
func interleave(a subject, onA workload, b subject, onB workload, more func() bool) (pairs []pair, err error) {
	taskA, err := onA(a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, taskA.close()) }()
	taskB, err := onB(b)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, taskB.close()) }()
	return inTurns(taskA.seconds, taskB.seconds, more)
}

// inTurns measures a and b alternately, and alternates which one comes first.
func inTurns(a, b func() (float64, error), more func() bool) (pairs []pair, err error) {
	for more() {
		var p pair
		first, second := a, b
		into, then := &p.base, &p.subject
		if len(pairs)%2 == 1 {
			first, second, into, then = second, first, then, into
		}
		if *into, err = first(); err != nil {
			return nil, err
		}
		if *then, err = second(); err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// ratio is a median with its quartiles.
type ratio struct{ median, low, high float64 }

// ratioOf returns the quartiles of f over all pairs.
func ratioOf(pairs []pair, f func(pair) float64) ratio {
	values := make([]float64, len(pairs))
	for i, p := range pairs {
		values[i] = f(p)
	}
	slices.SortFunc(values, cmp.Compare[float64])
	return ratio{quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)}
}

// quantile interpolates between the sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
