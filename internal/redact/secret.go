package redact

import (
	"encoding/base64"
	"strings"
)

// value returns the placeholder of the value of a header field, a parameter or a member. The secret
// is what follows the scheme, if there is one: "token=Bearer x" has the secret of "token=x".
func (r Redactor) value(kind, value string) string {
	if scheme := Scheme(value); kind != password && scheme != "" && value[len(scheme)] == ' ' {
		return r.credentials(scheme, value[len(scheme):])
	}
	return r.replacement(kind, value)
}

// credentials returns the placeholder of what follows a scheme. Credentials of Basic that are
// malformed are a secret as a whole.
func (r Redactor) credentials(scheme, value string) string {
	value = strings.TrimLeft(value, " ")
	scheme = strings.ToLower(scheme)
	if scheme == "basic" {
		if login, err := base64.StdEncoding.DecodeString(value); err == nil {
			return r.login(string(login))
		}
	}
	return r.replacement(schemes[scheme], value)
}

// login returns the placeholder of user:password: that of the password. If the password is empty or
// a fixed word, the user is a token.
func (r Redactor) login(login string) string {
	if isPlaceholder(login) {
		return login
	}
	user, word, ok := strings.Cut(login, ":")
	return r.userPassword(user, word, ok)
}

func (r Redactor) userPassword(user, word string, both bool) string {
	switch {
	case word != "" && word != noPassword:
		return r.replacement(password, word)
	case both && user != "":
		return r.replacement(token, user)
	}
	return r.replacement(secret, user)
}

// noPassword is the password of GitHub's clients that have a token as the user.
const noPassword = "x-oauth-basic"

// unescape undoes percent-encoding a number of times. In a form, a plus is a space. It keeps what is
// malformed.
func unescape(s string, times int, form bool) string {
	for range times {
		if form {
			s = strings.ReplaceAll(s, "+", " ")
		}
		first := escapeIn(s, 0)
		if first < 0 {
			continue
		}
		s = view{text: s}.decode(first, 0).text
	}
	return s
}
