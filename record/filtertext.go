package record

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ocifake/ocifake/internal/bytesize"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/op"
)

// ParseFilters reads filters separated by white space, all of which an exchange must
// match: "op=blob.get repo=app status=5xx !faulted". An unknown name is an error that
// suggests the one that was probably meant, or lists all. No text is no filter.
func ParseFilters(text string) ([]Filter, error) {
	words, err := filter.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("filter %q: %w", text, err)
	}
	var filters []Filter
	for _, w := range words {
		f, err := makeFilter(w)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %s: %w", text, w.Name, err)
		}
		filters = append(filters, f)
	}
	if filter.Allowed(filters) == 0 {
		return nil, fmt.Errorf("filter %q: together they match no request", text)
	}
	return filters, nil
}

// makeFilter makes the filter of a word.
func makeFilter(w filter.Word) (f Filter, err error) {
	defer asError(&err)
	name := w.Name
	if w.Over {
		name += ">"
	}
	if field, ok := w.Field(filter.Header); ok {
		f = Header(field, w.Values...)
	} else if field, ok := w.Field(filter.Query); ok {
		f = Query(field, w.Values...)
	} else if f, err = makers[name](w.Values); err != nil {
		return Filter{}, err
	}
	if w.Not {
		f = Not(f)
	}
	return f, nil
}

// makers make the filters of the terms in [filter.Terms], by name, which a ">" follows if it
// follows in text. The values are nil for a flag.
var makers = map[string]func(values []string) (Filter, error){
	"all":            ofNothing(func() Filter { return Filter{} }),
	"op":             parseOps,
	"repo":           ofTexts(Repo),
	"alias":          ofTexts(Alias),
	"tag":            ofTexts(Tag),
	"digest":         ofTexts(Digest),
	"session":        ofTexts(Session),
	"method":         ofTexts(Method),
	"host":           ofTexts(Host),
	"ns":             ofTexts(Namespace),
	"ua":             ofTexts(UserAgent),
	"length>":        ofOne(bytesize.Parse, LengthOver),
	"chunk>":         ofOne(bytesize.Parse, ChunkOver),
	"resumed":        ofNothing(Resumed),
	"attempt":        parseAttempt,
	"attempt>":       ofOne(parseInt, AttemptOver),
	"elapsed>":       ofOne(parseDuration, ElapsedOver),
	"conn":           parseConn,
	"conn.requests>": ofOne(parseInt, ConnRequestsOver),
	"conn.age>":      ofOne(parseDuration, ConnAgeOver),
	"proto":          ofTexts(Proto),
	"auth":           ofNothing(Authenticated),
	"tls":            ofNothing(Secure),
	"status":         ofTexts(Status),
	"code":           ofTexts(Code),
	"fault":          ofTexts(Faulted),
	"faulted":        ofNothing(func() Filter { return Faulted() }),
	"subject":        ofTexts(Subject),
	"open":           ofNothing(Open),
	"left":           ofNothing(Left),
	"cut":            ofNothing(Cut),
	"since":          parseSince,
}

// ofNothing makes filters that have no value.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func ofNothing(make func() Filter) func([]string) (Filter, error) {
	return func([]string) (Filter, error) { return make(), nil }
}

// ofTexts makes filters of texts.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func ofTexts[T ~string](make func(...T) Filter) func([]string) (Filter, error) {
	return func(values []string) (Filter, error) {
		var typed []T
		for _, value := range values {
			typed = append(typed, T(value))
		}
		return make(typed...), nil
	}
}

func parseOps(values []string) (Filter, error) {
	var ops []op.Op
	for _, value := range values {
		if value == filter.UploadBegin {
			ops = append(ops, op.UploadBegin()...)
			continue
		}
		var o op.Op
		if o.UnmarshalText([]byte(value)) != nil {
			return Filter{}, fmt.Errorf("unknown operation %q: %s", value, near.Hint(value, filter.Operations()))
		}
		ops = append(ops, o)
	}
	return Op(ops...), nil
}

// ofOne makes filters of one value.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func ofOne[T any](parse func(string) (T, error), make func(T) Filter) func([]string) (Filter, error) {
	return func(values []string) (Filter, error) {
		if len(values) > 1 {
			return Filter{}, errors.New("want one value")
		}
		value, err := parse(values[0])
		if err != nil {
			return Filter{}, err
		}
		return make(value), nil
	}
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: want a number with a unit, such as 500ms, 2s or 1h", text)
	}
	return d, nil
}

func parseAttempt(values []string) (Filter, error) {
	numbers := make([]int, len(values))
	for i, value := range values {
		var err error
		if numbers[i], err = parseInt(value); err != nil {
			return Filter{}, fmt.Errorf("%w: want the number of an attempt, such as 2", err)
		}
	}
	return Attempt(numbers...), nil
}

func parseSince(values []string) (Filter, error) {
	numbers, err := parseUints(values)
	switch {
	case err != nil:
		return Filter{}, fmt.Errorf("%w: want the number of a request, such as 12", err)
	case len(numbers) != 1:
		return Filter{}, fmt.Errorf("want one number, have %d", len(numbers))
	}
	return Since(Mark(numbers[0])), nil
}

func parseConn(values []string) (Filter, error) {
	numbers, err := parseUints(values)
	if err != nil {
		return Filter{}, fmt.Errorf("%w: want the number of a connection, such as 3", err)
	}
	return Conn(numbers...), nil
}

func parseUints(values []string) ([]uint64, error) {
	numbers := make([]uint64, len(values))
	for i, value := range values {
		var err error
		if numbers[i], err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is no number", value)
		}
	}
	return numbers, nil
}

func formatUint[T ~uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }
