package op

import "slices"

// FilterWord describes a filter in text.
type FilterWord struct {
	Begin   string // as its text begins: "repo=", or "auth" for a filter without a value
	Doc     string // what it matches
	Example string
	Answer  bool // it matches the answer, not the request
}

// FilterWords returns the filters that [ParseFilters] reads, with further terms, which
// are those on answers.
func FilterWords(further ...Term) []FilterWord {
	words := make([]FilterWord, 0, len(terms)+len(further)+1)
	for i, t := range slices.Concat(terms, further) {
		w := FilterWord{Begin: t.Name, Doc: t.Doc, Example: t.Example, Answer: i >= len(terms)}
		switch {
		case t.Over:
			w.Begin += ">"
		case !t.Flag:
			w.Begin += "="
		}
		words = append(words, w)
	}
	header := FilterWord{
		Begin: headerPrefix, Example: headerPrefix + "Accept=*json*",
		Doc: "a value of this header field; without a value, the request has the field",
	}
	return slices.Insert(words, len(terms), header)
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
