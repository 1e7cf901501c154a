package filter

import (
	"slices"

	"github.com/ocifake/ocifake/op"
)

// Ops is a set of operations.
type Ops uint64

// OpsOf returns the set of these operations.
func OpsOf(ops ...op.Op) Ops {
	var s Ops
	for _, o := range ops {
		s |= 1 << o
	}
	return s
}

// Has reports whether an operation is in the set.
func (s Ops) Has(o op.Op) bool { return s&(1<<o) != 0 }

// Allowed returns the operations that all filters allow, which is empty if the filters
// contradict one another.
func Allowed[F interface{ Allows(op.Op) bool }](filters []F) Ops {
	var s Ops
	for o := range op.External + 1 {
		if !slices.ContainsFunc(filters, func(f F) bool { return !f.Allows(o) }) {
			s |= 1 << o
		}
	}
	return s
}
