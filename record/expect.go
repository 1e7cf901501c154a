package record

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/bytesize"
	"github.com/ocifake/ocifake/internal/pattern"
)

// Expectation is a condition on the exchanges that match its filters. Its text form is the
// filters, followed by measures with a comparison and a number:
//
//	op=blob.get repo=app count<=3
//	op=manifest.put status=201 count==1
//	op=blob.get,external inflight<=4 repeated==0
//
// Comparisons are ==, !=, <, <=, > and >=. The measures are
//
//	count        exchanges
//	inflight     exchanges in flight at the same time, see [Log.MaxInFlight]
//	repeated     digests that were fetched whole more than once, see [Log.Repeated]
//	connections  connections that carried them
//	bytesin      bytes of request bodies
//	bytesout     bytes of response bodies
//
// Without a measure, the condition is count>=1.
type Expectation struct {
	Filters []Filter
	bounds  []bound
}

// bound is a measure that is compared with a number.
type bound struct {
	measure
	comparison string
	want       int64
}

func (b bound) String() string { return b.name + b.comparison + strconv.FormatInt(b.want, 10) }

// holds reports whether a number satisfies the bound.
func (b bound) holds(got int64) bool {
	return slices.Contains(comparisons[b.comparison], cmp.Compare(got, b.want))
}

type measure struct {
	name string
	of   func(Log) int64
}

var measures = []measure{
	{"count", func(l Log) int64 { return int64(len(l)) }},
	{"inflight", func(l Log) int64 { return int64(l.MaxInFlight()) }},
	{"repeated", func(l Log) int64 { return int64(len(l.Repeated())) }},
	{"connections", func(l Log) int64 { return int64(len(l.Connections())) }},
	{"bytesin", Log.BytesIn},
	{"bytesout", Log.BytesOut},
}

// comparisons say which results of [cmp.Compare] meet them.
var comparisons = map[string][]int{
	"==": {0}, "!=": {-1, 1}, "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1},
}

// lastBound is a bound at the end of a text. One = is as good as two, and there may be
// spaces.
var lastBound = pattern.Regexp(`(?:^|\s)(` + measureNames() + `)\s*(==|!=|<=|>=|<|>|=)\s*(\d+)$`)

// brokenBound is a measure at the end of a text, without a comparison and a number that
// can be read.
var brokenBound = pattern.Regexp(`(?:^|\s)((` + measureNames() + `)\s*([=!<>~]*)\s*([^\s=!<>~"]*))$`)

// corrections are the comparisons to suggest for invalid ones.
var corrections = map[string]string{
	"=>": ">=", "=<": "<=", "<>": "!=", "=!": "!=", "===": "==", "!==": "!=", "~=": "!=",
}

// checkMeasure returns an error that says what to write if a text ends with a measure.
func checkMeasure(text string) error {
	m := brokenBound().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	written, name, comparison, number := m[1], m[2], m[3], m[4]
	n, err := bytesize.Parse(number)
	if err != nil || number == "" {
		n = 3
	}
	suggest := func(comparison string) string { return bound{measureNamed(name), comparison, n}.String() }
	switch _, known := comparisons[comparison]; {
	case comparison == "":
		return fmt.Errorf("%s: a measure is compared with a number: want, for example, %s", written, suggest("=="))
	case corrections[comparison] != "":
		return fmt.Errorf("%s: %q is no comparison: want %s", written, comparison, suggest(corrections[comparison]))
	case !known && comparison != "=":
		return fmt.Errorf("%s: %q is no comparison: want ==, !=, <, <=, > or >=", written, comparison)
	case comparison == "=":
		comparison = "=="
	}
	return fmt.Errorf("%s: %q is no number: want digits only, as in %s", written, number, suggest(comparison))
}

func measureNames() string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return strings.Join(names, "|")
}

// ParseExpectation reads an expectation.
func ParseExpectation(text string) (e Expectation, err error) {
	rest := strings.TrimSpace(text)
	for m := lastBound().FindStringSubmatch(rest); m != nil; m = lastBound().FindStringSubmatch(rest) {
		want, err := strconv.ParseInt(m[3], 10, 64)
		if err != nil {
			return e, fmt.Errorf("%s%s%s: the number is too large", m[1], m[2], m[3])
		}
		if m[2] == "=" {
			m[2] = "=="
		}
		e.bounds = slices.Insert(e.bounds, 0, bound{measureNamed(m[1]), m[2], want})
		rest = strings.TrimSpace(strings.TrimSuffix(rest, m[0]))
	}
	if err := checkMeasure(rest); err != nil {
		return Expectation{}, err
	}
	switch {
	case e.bounds == nil && rest == "":
		return e, errors.New("it is empty: want filters, a measure such as count==3, or both")
	case e.bounds == nil:
		e.bounds = []bound{{measureNamed("count"), ">=", 1}}
	}
	if e.Filters, err = ParseFilters(rest); err != nil {
		return Expectation{}, fmt.Errorf("%w; a measure, such as count==3 or inflight<=4, stands behind all filters", err)
	}
	return e, nil
}

func measureNamed(name string) measure {
	return measures[slices.IndexFunc(measures, func(m measure) bool { return m.name == name })]
}

// String returns the text of the expectation, which [ParseExpectation] reads.
func (e Expectation) String() string {
	var words []string
	for _, f := range e.Filters {
		words = append(words, f.String())
	}
	for _, b := range e.bounds {
		words = append(words, b.String())
	}
	return strings.Join(words, " ")
}

// Judge returns nil if the expectation holds of a log, and otherwise an error that
// says what was found.
func (e Expectation) Judge(l Log) error {
	meant := l.Filter(e.Filters...)
	var found []string
	for _, b := range e.bounds {
		if got := b.of(meant); !b.holds(got) {
			found = append(found, fmt.Sprintf("%s is %d", b.name, got))
		}
	}
	if found == nil {
		return nil
	}
	return fmt.Errorf("want %s: %s", e, strings.Join(found, ", "))
}

// Journal returns the journal of a log, in which the exchanges that the filters
// match are marked, or, if there is none, those that all filters but one match.
func (e Expectation) Journal(l Log) string {
	missed := 0
	if l.Count(e.Filters...) == 0 && len(e.Filters) > 1 {
		missed = 1
	}
	return l.JournalMarking(func(x *Exchange) bool { return misses(e.Filters, x) == missed })
}

// misses returns how many of the filters do not match an exchange.
func misses(filters []Filter, x *Exchange) (n int) {
	for _, f := range filters {
		if !f.Match(x) {
			n++
		}
	}
	return n
}
