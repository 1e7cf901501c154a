// Package opset has sets of operations.
package opset

import (
	"slices"

	"github.com/ocifake/ocifake/op"
)

// Set is a set of operations.
type Set uint64

// All has every operation, Unknown included.
const All = ^Set(0)

// Of returns the set of these operations.
func Of(ops ...op.Op) Set {
	var s Set
	for _, o := range ops {
		s |= 1 << o
	}
	return s
}

// Has reports whether an operation is in the set.
func (s Set) Has(o op.Op) bool { return s&(1<<o) != 0 }

// Allowed returns the operations that all filters allow, which is empty if the filters
// contradict one another.
func Allowed[F interface{ Allows(op.Op) bool }](filters []F) Set {
	var s Set
	for o := range op.External + 1 {
		if !slices.ContainsFunc(filters, func(f F) bool { return !f.Allows(o) }) {
			s |= 1 << o
		}
	}
	return s
}
