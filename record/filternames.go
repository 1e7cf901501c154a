package record

import "github.com/ocifake/ocifake/op"

// FilterWords returns the filters that [ParseFilters] reads.
func FilterWords() []op.FilterWord { return op.FilterWords(filterTerms()...) }
