package record

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// The filters of this package are about the answer; they join those of [op] on
// the request. What they are asked about must be an *Exchange: they mean nothing
// else.

// Match means the exchanges for which a function says so.
func Match(match func(*Exchange) bool) op.Filter {
	must.NotNil("record: Match: match", match)
	return onExchange("match", "", match)
}

// Status means exchanges answered with a status: "status=503", "status=4xx,5xx",
// where an x is any digit. Not yet, or never, answered is "status=0". Status panics
// if a pattern is none of these, or if there is none.
func Status(patterns ...string) op.Filter {
	f, err := parseStatus(patterns)
	if err != nil {
		panic("record.Status: " + err.Error())
	}
	return f
}

// Code means exchanges with an error code in the answer: "code=BLOB_UNKNOWN",
// "code=*_UNKNOWN". It panics if there is no pattern.
func Code(patterns ...string) op.Filter {
	return onStrings("code", patterns, func(x *Exchange) []string { return x.Codes })
}

// Faulted means exchanges that one of the named fault rules touched:
// "fault=flaky-cdn". Without a name, any rule will do: "faulted".
func Faulted(names ...string) op.Filter {
	if len(names) == 0 {
		return onExchange("faulted", "", func(x *Exchange) bool { return len(x.Faults) > 0 })
	}
	return onStrings("fault", names, func(x *Exchange) []string { return x.Faults })
}

// Subject means exchanges with a client who is, as far as the credentials say so,
// one of those named: "subject=ci-*". Without credentials it is the empty one:
// `subject=""`. Subject panics if there is no pattern.
func Subject(patterns ...string) op.Filter {
	return onStrings("subject", patterns, func(x *Exchange) []string { return []string{x.Subject} })
}

// Open means exchanges that were not yet answered to the end when the log was
// taken: "open".
func Open() op.Filter {
	return onExchange("open", "", func(x *Exchange) bool { return x.Open })
}

// Left means exchanges that the client left before their end: "left".
func Left() op.Filter {
	return onExchange("left", "", func(x *Exchange) bool { return x.Left })
}

// Cut means exchanges whose answer ended before it was complete: "cut".
func Cut() op.Filter {
	return onExchange("cut", "", func(x *Exchange) bool { return x.Cut })
}

// Since means exchanges that began after a mark was set: "since=12".
func Since(mark Mark) op.Filter {
	return onExchange("since", formatUint(mark), func(x *Exchange) bool { return x.Seq > uint64(mark) })
}

// Conn means exchanges on a connection: "conn=3". It panics if there is none.
func Conn(ids ...uint64) op.Filter {
	if len(ids) == 0 {
		panic("record.Conn: no connection: a filter without values would match nothing")
	}
	ids = slices.Clone(ids)
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = formatUint(id)
	}
	return onExchange("conn", strings.Join(values, ","), func(x *Exchange) bool { return slices.Contains(ids, x.Conn) })
}

// onExchange returns a filter that means nothing but exchanges. Those are given
// by reference: they are big.
func onExchange(name, value string, match func(*Exchange) bool) op.Filter {
	return op.OnAnswer(name, value, func(answer any) bool {
		x, ok := answer.(*Exchange)
		return ok && x != nil && match(x)
	})
}

func onStrings(name string, patterns []string, values func(*Exchange) []string) op.Filter {
	return op.OnAnswerText(name, patterns, func(answer any) []string {
		x, ok := answer.(*Exchange)
		if !ok || x == nil {
			return nil
		}
		return values(x)
	})
}

func parseStatus(patterns []string) (op.Filter, error) {
	if len(patterns) == 0 {
		return op.Filter{}, errors.New("no status: a filter without values would match nothing")
	}
	for _, pattern := range patterns {
		if pattern != "0" && !isStatusPattern(pattern) {
			return op.Filter{}, fmt.Errorf("%q is no status: want three digits, x for any, or 0 for no answer", pattern)
		}
	}
	patterns = slices.Clone(patterns)
	return onExchange("status", strings.Join(patterns, ","), func(x *Exchange) bool {
		status := strconv.Itoa(x.Status)
		return slices.ContainsFunc(patterns, func(pattern string) bool { return matchStatus(pattern, status) })
	}), nil
}

func isStatusPattern(s string) bool {
	return len(s) == 3 && strings.Trim(s, "0123456789x") == "" && s[0] != '0'
}

func matchStatus(pattern, status string) bool {
	if len(pattern) != len(status) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != 'x' && pattern[i] != status[i] {
			return false
		}
	}
	return true
}

func formatUint[T ~uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }

// filterTerms are the filters of this package in text.
func filterTerms() []op.Term {
	return []op.Term{
		{Name: "status", Doc: "the status code, where x is any digit; 0 is no answer yet, or none at all", Example: "status=4xx,503", Parse: parseStatus},
		{Name: "code", Doc: "an error code in the answer", Example: "code=*_UNKNOWN", Parse: filterOf(Code)},
		{Name: "fault", Doc: "the name of a fault rule that acted on the request", Example: "fault=flaky-cdn", Parse: filterOf(Faulted)},
		{Name: "faulted", Doc: "any fault rule acted on the request", Example: "!faulted", Flag: true, Parse: func([]string) (op.Filter, error) { return Faulted(), nil }},
		{Name: "subject", Doc: "the user that the credentials name; empty without credentials", Example: "subject=ci-*", Parse: filterOf(Subject)},
		{Name: "open", Doc: "the answer has not ended yet", Example: "open", Flag: true, Parse: func([]string) (op.Filter, error) { return Open(), nil }},
		{Name: "left", Doc: "the client left before the answer ended", Example: "left", Flag: true, Parse: func([]string) (op.Filter, error) { return Left(), nil }},
		{Name: "cut", Doc: "the answer ended before it was complete", Example: "cut", Flag: true, Parse: func([]string) (op.Filter, error) { return Cut(), nil }},
		{Name: "since", Doc: "the request began after this mark, which is the number of a request", Example: "since=12", Parse: parseSince},
		{Name: "conn", Doc: "the number of the connection", Example: "conn=3", Parse: parseConn},
	}
}

// ParseFilters reads filters separated by white space, all of which an exchange
// must meet: "op=blob.get repo=app status=5xx !faulted". They are those of
// [op.ParseFilters] and those of this package.
func ParseFilters(text string) ([]op.Filter, error) { return op.ParseFilters(text, filterTerms()...) }

func filterOf(make func(...string) op.Filter) func([]string) (op.Filter, error) {
	return func(values []string) (op.Filter, error) { return make(values...), nil }
}

func parseSince(values []string) (op.Filter, error) {
	numbers, err := parseUints(values)
	switch {
	case err != nil:
		return op.Filter{}, err
	case len(numbers) != 1:
		return op.Filter{}, fmt.Errorf("want one number, have %d", len(numbers))
	}
	return Since(Mark(numbers[0])), nil
}

func parseConn(values []string) (op.Filter, error) {
	numbers, err := parseUints(values)
	if err != nil {
		return op.Filter{}, err
	}
	return Conn(numbers...), nil
}

func parseUints(values []string) ([]uint64, error) {
	numbers := make([]uint64, len(values))
	for i, value := range values {
		var err error
		if numbers[i], err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is no number: want digits only", value)
		}
	}
	return numbers, nil
}

// Label tells the clients of a shared registry apart: those for which it returns
// the same text are one. It is empty for a request that does not say who it is of.
// A label may be called concurrently. See [Log.By].
type Label func(*Exchange) string

// ByHeader tells clients apart by the value of a header field, which each sets to
// a text of its own: "X-Test".
func ByHeader(name string) Label {
	return func(x *Exchange) string { return x.Header.Get(name) }
}

// ByUserAgent tells clients apart by the first product in User-Agent, without its
// version: "crane" of "crane/v0.20.3 go-containerregistry/v0.20.3".
func ByUserAgent() Label {
	return func(x *Exchange) string {
		name, _, _ := strings.Cut(productNames(x.Header.Get("User-Agent")), " ")
		return name
	}
}

// BySubject tells clients apart by who their credentials say they are: the user
// of Basic, the subject of a token.
func BySubject() Label { return func(x *Exchange) string { return x.Subject } }

// ByRepoPrefix tells clients apart by the part of the repository before the first
// slash: "team-a" of "team-a/app".
func ByRepoPrefix() Label {
	return func(x *Exchange) string {
		prefix, _, _ := strings.Cut(x.Repo, "/")
		return prefix
	}
}

// productNames returns the products of a User-Agent without versions and comments
// (RFC 9110, 10.1.5).
func productNames(userAgent string) string {
	var bare strings.Builder
	depth := 0
	for _, c := range userAgent {
		switch {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
			c = ' '
		}
		if depth == 0 {
			bare.WriteRune(c)
		}
	}
	var names []string
	for word := range strings.FieldsSeq(bare.String()) {
		if name, _, _ := strings.Cut(word, "/"); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}
