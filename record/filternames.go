package record

import "github.com/ocifake/ocifake/op"

// FilterNames returns the names of the filters that [ParseFilters] knows, as a text
// of them begins: "status=", or "faulted" if there is no value.
func FilterNames() []string { return op.FilterNames(filterTerms()...) }
