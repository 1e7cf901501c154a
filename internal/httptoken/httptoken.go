// Package httptoken has the grammar of tokens in HTTP (RFC 9110, 5.6.2), such as the names of
// header fields.
package httptoken

// characters are those of a token.
const characters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// inToken reports for each byte whether it is one of them.
var inToken = func() (in [256]bool) {
	for i := range len(characters) {
		in[characters[i]] = true
	}
	return in
}()

// Valid reports whether a text is a token.
func Valid(text string) bool {
	token, rest := Cut(text)
	return token != "" && rest == ""
}

// Cut cuts the longest token off the beginning of a text. It is empty if there is none.
func Cut(text string) (token, rest string) {
	n := 0
	for n < len(text) && inToken[text[n]] {
		n++
	}
	return text[:n], text[n:]
}
