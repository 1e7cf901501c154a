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

// OperationNames returns the values that the filter op takes in text: those of all
// operations but Unknown, and "upload.begin".
func OperationNames() []string {
	var names []string
	for _, o := range All() {
		names = append(names, o.String())
	}
	return append(names, uploadBegin)
}
