package op

import "slices"

// FilterNames returns the names of the filters that [ParseFilters] knows, with
// further terms, as a text of them begins: "repo=", or "auth" if there is no value.
func FilterNames(further ...Term) []string {
	all := append(slices.Clone(terms), further...)
	names := make([]string, len(all), len(all)+1)
	for i, t := range all {
		names[i] = t.Name
		if !t.Flag {
			names[i] += "="
		}
	}
	return append(names, headerPrefix)
}
