package record

import "strings"

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
