package op

import (
	"fmt"
	"slices"
	"strings"
)

// A Term is a name that a filter may have in text.
type Term struct {
	Name string
	Flag bool // it has no value
	// Parse makes the filter of its values, which is nil for a flag.
	Parse func(values []string) (Filter, error)
}

// terms are those on requests.
var terms = []Term{
	{Name: "all", Flag: true, Parse: func([]string) (Filter, error) { return Filter{}, nil }},
	{Name: "op", Parse: parseOps},
	{Name: "repo", Parse: fromStrings(Repo)},
	{Name: "alias", Parse: fromStrings(Alias)},
	{Name: "tag", Parse: fromStrings(Tag)},
	{Name: "digest", Parse: fromStrings(Digest)},
	{Name: "session", Parse: fromStrings(Session)},
	{Name: "method", Parse: fromStrings(Method)},
	{Name: "host", Parse: fromStrings(Host)},
	{Name: "ns", Parse: fromStrings(Namespace)},
	{Name: "ua", Parse: fromStrings(UserAgent)},
	{Name: "auth", Flag: true, Parse: func([]string) (Filter, error) { return Authenticated(), nil }},
	{Name: "tls", Flag: true, Parse: func([]string) (Filter, error) { return Secure(), nil }},
}

func fromStrings[T ~string](make func(...T) Filter) func([]string) (Filter, error) {
	return func(values []string) (f Filter, err error) {
		defer asError(&err)
		var typed []T
		for _, value := range values {
			typed = append(typed, T(value))
		}
		return make(typed...), nil
	}
}

func parseOps(values []string) (Filter, error) {
	var ops []Op
	for _, value := range values {
		if value == uploadBegin {
			ops = append(ops, UploadBegin()...)
			continue
		}
		var o Op
		if err := o.UnmarshalText([]byte(value)); err != nil {
			return Filter{}, err
		}
		ops = append(ops, o)
	}
	return Is(ops...), nil
}

// ParseFilters reads filters separated by white space, all of which a request
// must meet: "op=blob.get repo=app !auth". The further terms are those on answers;
// a name that neither they nor the filters of this package have is an error that
// lists all. No text is no filter.
func ParseFilters(text string, further ...Term) ([]Filter, error) {
	var filters []Filter
	all := append(slices.Clone(terms), further...)
	for rest := trimSpace(text); rest != ""; rest = trimSpace(rest) {
		word, tail, err := cutWord(rest)
		if err != nil {
			if word.broken && !strings.HasPrefix(word.name, headerPrefix) && word.term(all) < 0 {
				err = word.unknown(all)
			}
			return nil, fmt.Errorf("filter %q: %w", text, err)
		}
		f, err := word.filter(all)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", text, err)
		}
		filters, rest = append(filters, f), tail
	}
	return filters, nil
}
