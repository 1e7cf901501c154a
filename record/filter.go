package record

import (
	"slices"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
)

// Filter matches exchanges. The zero value matches all. Filters are values, and safe for
// concurrent use.
//
// In text, a filter is "name=value", or "name!=value" for the opposite, as in
// "op=blob.get,blob.head" and "repo=lib/*":
//
//   - Values separated by commas are alternatives.
//   - A star in a value stands for any characters, slashes included; a backslash
//     makes a star or a backslash literal.
//   - Only the empty value matches what an exchange does not have: "repo=*" is
//     any repository, tag="" is no tag.
//   - A larger number, size or duration is matched by "length>4MiB" and "conn.age>5s", and
//     what is not larger by "!length>4MiB".
//   - A star beside other values is an error, because it alone matches all of them; the
//     comma was probably part of a value: header.Range="*,*".
//   - A value that is empty, begins with "=", or has a comma, a quote or a space in
//     it is quoted as in Go: ua="my client/1, beta",crane/*
//
// A filter that no exchange can match is a mistake: the functions that make filters
// panic, and [ParseFilters] returns an error, if there is no value, or if a value is
// one that no exchange has, such as the method "get" or the status "600".
type Filter struct {
	name   string
	values string // in text; empty for a flag
	over   bool   // in text, the values follow a ">"
	not    bool
	stage  Stage
	ops    filter.Ops // of a filter made by Op
	reach  filter.Ops // operations outside of which it matches nothing; 0: any
	match  func(*Exchange) bool
}

// Stage says when a filter can be judged.
type Stage uint8

// The stages of an exchange.
const (
	AnyStage  Stage = iota // whenever it is asked: see [Match]
	OnRequest              // once the request has come
	OnAnswer               // once the header of the answer is known, and the body of an error
	OnEnd                  // once the exchange has ended
)

// Stage returns the first stage at which the filter can be judged.
func (f Filter) Stage() Stage { return f.stage }

// String returns the text of the filter, which [ParseFilters] reads. A filter
// made by [Match] has no such text.
func (f Filter) String() string {
	name := f.name
	if name == "" {
		name = "all"
	}
	switch {
	case f.values == "" && f.not:
		return "!" + name
	case f.values == "":
		return name
	case f.over && f.not:
		return "!" + name + ">" + f.values
	case f.over:
		return name + ">" + f.values
	case f.not:
		return name + "!=" + f.values
	}
	return name + "=" + f.values
}

// Match reports whether the filter matches an exchange.
func (f Filter) Match(x *Exchange) bool {
	must.NotNil("record: Filter.Match: x", x)
	return (f.match == nil || f.match(x)) != f.not
}

// Allows reports whether the filter can match a request for an operation.
func (f Filter) Allows(o op.Op) bool {
	switch {
	case f.ops != 0:
		return f.ops.Has(o) != f.not
	case f.not:
		return f.match != nil // the opposite of the zero value matches nothing
	}
	return f.reach == 0 || f.reach.Has(o)
}

// Matches reports whether all filters match the exchange.
func (x *Exchange) Matches(filters ...Filter) bool {
	return !slices.ContainsFunc(filters, func(f Filter) bool { return !f.Match(x) })
}

// Not returns the opposite of a filter.
func Not(f Filter) Filter {
	f.not = !f.not
	return f
}

// Match returns a filter that calls a function, which may be called concurrently. In
// the filters of a fault rule, the function sees the request, and the answer if another
// filter of the rule is on the answer.
func Match(match func(*Exchange) bool) Filter {
	must.NotNil("record: Match: match", match)
	return flag("match", AnyStage, match)
}

// on returns a filter with values.
func on(name string, stage Stage, values []string, match func(*Exchange) bool) Filter {
	mustHave(name, values)
	return Filter{name: name, stage: stage, values: filter.Join(values), match: match}
}

// onText returns a filter on a text, which must match one of the patterns.
func onText(name string, stage Stage, patterns []string, text func(*Exchange) string) Filter {
	match := pattern.Matcher(patterns)
	return on(name, stage, patterns, func(x *Exchange) bool { return match(text(x)) })
}

// onTexts returns a filter on texts, of which one must match one of the patterns.
func onTexts(name string, stage Stage, patterns []string, texts func(*Exchange) []string) Filter {
	match := pattern.Matcher(patterns)
	return on(name, stage, patterns, func(x *Exchange) bool { return slices.ContainsFunc(texts(x), match) })
}

// flag returns a filter without values.
func flag(name string, stage Stage, match func(*Exchange) bool) Filter {
	return Filter{name: name, stage: stage, match: match}
}
