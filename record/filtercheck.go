package record

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/pattern"
)

// filterError is the reason why a filter can match nothing. The functions that make filters
// panic with it.
type filterError struct {
	filter string // its name
	reason error
}

func (e filterError) Error() string { return "filter " + e.filter + ": " + e.reason.Error() }

// mustHave panics if a filter has no values.
func mustHave(name string, values []string) {
	if len(values) == 0 {
		panic(filterError{name, errors.New("no value: a filter without values would match nothing")})
	}
}

// mustBe panics if a check has refused a value of a filter.
func mustBe(name string, refusal error) {
	if refusal != nil {
		panic(filterError{name, refusal})
	}
}

// mustBeAll panics if there are no values, or if a check refuses one of them.
func mustBeAll(name string, values []string, check func(string) error) {
	mustHave(name, values)
	for _, value := range values {
		mustBe(name, check(value))
	}
}

// asError turns the panic of a function that makes filters into an error, without the
// name of the filter.
func asError(err *error) {
	switch p := recover().(type) {
	case nil:
	case filterError:
		*err = p.reason
	default:
		panic(p)
	}
}

func checkRepo(pattern string) error {
	if strings.Contains(pattern, ":") {
		return fmt.Errorf("%q: a repository's name has no colon: for a host use Host, for a tag Tag, for a digest Digest", pattern)
	}
	return nil
}

func checkTag(pattern string) error {
	switch {
	case strings.Contains(pattern, ":"):
		return fmt.Errorf("%q: a tag has no colon: for a digest use Digest", pattern)
	case strings.Contains(pattern, "/"):
		return fmt.Errorf("%q: a tag has no slash: for a repository use Repo", pattern)
	}
	return nil
}

func checkDigest(pattern string) error {
	if pattern != "" && !strings.ContainsAny(pattern, ":*") {
		return fmt.Errorf("%q is no digest: want one such as sha256:<hex>, or a pattern such as sha256:*", pattern)
	}
	return nil
}

func checkMethod(pattern string) error {
	switch upper := strings.ToUpper(pattern); {
	case pattern == "" || strings.ContainsAny(pattern, " \t\r\n"):
		return fmt.Errorf("%q is no method: want one such as GET", pattern)
	case pattern != upper:
		return fmt.Errorf("%q: methods are in upper case: want %q", pattern, upper)
	}
	return nil
}

func checkHost(pattern string) error {
	if strings.Contains(pattern, "/") {
		return fmt.Errorf("%q: want a host, with or without its port, not a URL", pattern)
	}
	return nil
}

// checkField refuses names of header fields that no request has: net/http takes some
// of them out of the header.
func checkField(name string) error {
	switch {
	case !httpfield.ValidToken(name):
		return fmt.Errorf("%q is no name of a header field", name)
	case name == "Host":
		return errors.New("Host is not among the header's fields: use the filter host")
	case name == "Transfer-Encoding" || name == "Trailer":
		return fmt.Errorf("%s is not among the header's fields", name)
	}
	return nil
}

func checkParameter(name string) error {
	if name == "" {
		return errors.New("the name of the parameter is missing")
	}
	return nil
}

// checkStatus refuses patterns that match the status of no answer.
func checkStatus(pattern string) error {
	if pattern == "0" {
		return nil
	}
	for status := 200; status < 600; status++ {
		if matchStatus(pattern, status) {
			return nil
		}
	}
	return fmt.Errorf("%q is no status of an answer: want 200 to 599, with x for any digit, as in 4xx, or 0 for no answer", pattern)
}

// matchStatus reports whether a pattern, in which an x is any digit, matches a status.
func matchStatus(pattern string, status int) bool {
	digits := strconv.Itoa(status)
	if len(pattern) != len(digits) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != 'x' && pattern[i] != digits[i] {
			return false
		}
	}
	return true
}

func checkCode(pattern string) error {
	switch upper := strings.ToUpper(pattern); {
	case pattern == "":
		return errors.New(`"" is no error code: want one such as BLOB_UNKNOWN; for an answer without a code, use the opposite of *`)
	case pattern != upper:
		return fmt.Errorf("%q: error codes are in upper case: want %q", pattern, upper)
	}
	return nil
}

func checkFault(name string) error {
	if name == "" {
		return errors.New(`"" is no name of a rule: for exchanges without faults, use the opposite of the filter faulted`)
	}
	return nil
}

func checkConn(id string) error {
	if id == "0" {
		return errors.New("0 is no connection: they are numbered from 1")
	}
	return nil
}

// checkAttempt refuses numbers that no attempt has.
func checkAttempt(number string) error {
	if n, err := strconv.Atoi(number); err != nil || n < 1 {
		return fmt.Errorf("%s is no attempt: they are numbered from 1", number)
	}
	return nil
}

// checkProto refuses patterns that match no version of HTTP.
func checkProto(text string) error {
	if !slices.ContainsFunc([]string{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"}, pattern.Matcher([]string{text})) {
		return fmt.Errorf("%q is no protocol: want HTTP/1.0, HTTP/1.1 or HTTP/2.0", text)
	}
	return nil
}
