// Package httptoken has the grammar of tokens in HTTP (RFC 9110, 5.6.2), such as the names of
// header fields.
package httptoken

import "strings"

// characters are those of a token.
const characters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// Valid reports whether a text is a token.
func Valid(text string) bool {
	token, rest := Cut(text)
	return token != "" && rest == ""
}

// Cut cuts the longest token off the beginning of a text. It is empty if there is none.
func Cut(text string) (token, rest string) {
	rest = strings.TrimLeft(text, characters)
	return text[:len(text)-len(rest)], rest
}
