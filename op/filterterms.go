package op

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/bytesize"
)

// A Term is a name that a filter may have in text.
type Term struct {
	Name    string
	Doc     string // what it matches
	Example string
	Flag    bool // it has no value
	Over    bool // a ">" is between its name and its value, not a "="
	// Parse makes the filter of its values, which is nil for a flag.
	Parse func(values []string) (Filter, error)
}

// terms are those on requests.
var terms = []Term{
	{Name: "all", Doc: "every request", Example: "all", Flag: true, Parse: func([]string) (Filter, error) { return Filter{}, nil }},
	{Name: "op", Doc: "the operation is one of these; `upload.begin` is every operation that may open an upload session", Example: "op=blob.get,blob.head", Parse: parseOps},
	{Name: "repo", Doc: "the repository", Example: "repo=lib/*", Parse: fromStrings(Repo)},
	{Name: "alias", Doc: "the name of the repository that the client sent, where it chose faults by name", Example: "alias=fault/status-503/app", Parse: fromStrings(Alias)},
	{Name: "tag", Doc: "the tag of a manifest, or a tag set by parameter", Example: "tag=v1", Parse: fromStrings(Tag)},
	{Name: "digest", Doc: "the digest of the content that is read, uploaded, mounted or deleted", Example: "digest=sha256:*", Parse: fromStrings(Digest)},
	{Name: "session", Doc: "the upload session", Example: "session=*", Parse: fromStrings(Session)},
	{Name: "method", Doc: "the HTTP method, in upper case", Example: "method=PUT", Parse: fromStrings(Method)},
	{Name: "host", Doc: "the host name that the client sent, with or without its port, in any case", Example: "host=cdn.test", Parse: fromStrings(Host)},
	{Name: "ns", Doc: "the value of the `ns` parameter, which names the upstream host for a mirror", Example: "ns=docker.io", Parse: fromStrings(Namespace)},
	{Name: "ua", Doc: "the User-Agent", Example: "ua=crane/*", Parse: fromStrings(UserAgent)},
	{Name: "length", Doc: "the body has more bytes, as Content-Length says", Example: "length>4MiB", Over: true, Parse: parseLength},
	{Name: "auth", Doc: "the request has credentials", Example: "!auth", Flag: true, Parse: func([]string) (Filter, error) { return Authenticated(), nil }},
	{Name: "tls", Doc: "the request came over TLS", Example: "tls", Flag: true, Parse: func([]string) (Filter, error) { return Secure(), nil }},
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

func parseLength(values []string) (f Filter, err error) {
	defer asError(&err)
	if len(values) > 1 {
		return Filter{}, errors.New("want one size")
	}
	n, err := bytesize.Parse(values[0])
	if err != nil {
		return Filter{}, err
	}
	return LongerThan(n), nil
}

func parseOps(values []string) (Filter, error) {
	var ops []Op
	for _, value := range values {
		if value == uploadBegin {
			ops = append(ops, UploadBegin()...)
			continue
		}
		var o Op
		if o.UnmarshalText([]byte(value)) != nil {
			return Filter{}, unknownOperation(value, []string{uploadBegin})
		}
		ops = append(ops, o)
	}
	return Is(ops...), nil
}

// ParseFilters reads filters separated by white space, all of which a request
// must meet: "op=blob.get repo=app !auth". The further terms are those on answers;
// a name that neither they nor the filters of this package have is an error that
// says which one may be meant, or lists all. No text is no filter.
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
	if Contradict(filters...) {
		return nil, fmt.Errorf("filter %q: together they match no request", text)
	}
	return filters, nil
}
