package httpfield

// characters are those of a token.
const characters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// inToken reports for each byte whether it is one of them.
var inToken = func() (in [256]bool) {
	for i := range len(characters) {
		in[characters[i]] = true
	}
	return in
}()

// ValidToken reports whether a text is a token.
func ValidToken(text string) bool {
	token, rest := CutToken(text)
	return token != "" && rest == ""
}

// CutToken cuts the longest token off the beginning of a text. It is empty if there is none.
func CutToken(text string) (token, rest string) {
	n := 0
	for n < len(text) && inToken[text[n]] {
		n++
	}
	return text[:n], text[n:]
}
