package record

import "strings"

// ByHeader distinguishes clients by the value of a header field, such as "X-Test", that each
// of them sets to a different value.
func ByHeader(name string) func(*Exchange) string {
	return func(x *Exchange) string { return x.Header.Get(name) }
}

// ByUserAgent distinguishes clients by the first product in User-Agent, without its
// version: "crane" of "crane/v0.20.3 go-containerregistry/v0.20.3".
func ByUserAgent() func(*Exchange) string {
	return func(x *Exchange) string {
		name, _, _ := strings.Cut(productNames(x.Header.Get("User-Agent")), " ")
		return name
	}
}

// ByRepoPrefix distinguishes clients by the part of the repository before the first
// slash: "team-a" of "team-a/app".
func ByRepoPrefix() func(*Exchange) string {
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
