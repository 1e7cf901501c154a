package record

import "strings"

// Label distinguishes the clients of a shared registry: it returns the same string for all
// requests of a client, or "" if the request does not identify one. It may be called
// concurrently. See [Log.By].
type Label func(*Exchange) string

// ByHeader distinguishes clients by the value of a header field, such as "X-Test", that each
// of them sets to a different value.
func ByHeader(name string) Label {
	return func(x *Exchange) string { return x.Header.Get(name) }
}

// ByUserAgent distinguishes clients by the first product in User-Agent, without its
// version: "crane" of "crane/v0.20.3 go-containerregistry/v0.20.3".
func ByUserAgent() Label {
	return func(x *Exchange) string {
		name, _, _ := strings.Cut(productNames(x.Header.Get("User-Agent")), " ")
		return name
	}
}

// BySubject distinguishes clients by the user of their credentials: the user name of Basic,
// or the subject of a token.
func BySubject() Label { return func(x *Exchange) string { return x.Subject } }

// ByRepoPrefix distinguishes clients by the part of the repository before the first
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
