package record

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// identity is what credentials say of who a request comes from, without what
// proves it: it can be kept.
type identity struct {
	scheme string
	user   string // of Basic
	claims string // of a Bearer token that is a JWT: its second part, as it was sent
}

const (
	maxUser   = 1 << 10
	maxClaims = 16 << 10
	maxScopes = 100
)

func identityIn(authorization string) identity {
	c := identity{scheme: schemeOf(authorization)}
	value := strings.TrimLeft(strings.TrimPrefix(authorization, c.scheme), " ")
	switch {
	case strings.EqualFold(c.scheme, "Basic"):
		c.scheme = "Basic"
		c.user = basicUser(value)
	case strings.EqualFold(c.scheme, "Bearer"):
		c.scheme = "Bearer"
		c.claims = jwtClaims(value)
	}
	return c
}

// basicUser returns the user (RFC 7617), if there is one. Where the password is empty
// or a fixed word, the user is a token.
func basicUser(value string) string {
	plain, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	user, password, ok := strings.Cut(string(plain), ":")
	if !ok || len(user) > maxUser || password == "" || password == "x-oauth-basic" {
		return ""
	}
	return user
}

// jwtClaims returns the second of the three parts of a signed JWT (RFC 7515, 3.1).
// A token that is not certainly one may have its secret anywhere.
func jwtClaims(token string) string {
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	if len(claims) > maxClaims || strings.Contains(signature, ".") || !isObject(header) || !isObject(claims) {
		return ""
	}
	return claims
}

// isObject reports whether a part of a JWT begins as a JSON object with a member.
func isObject(part string) bool { return strings.HasPrefix(part, "eyJ") }

// facts are what claims say.
type facts struct {
	subject string
	scopes  []string
}

// read reads the claims: those of the Docker token specification ("access"), and
// those of OAuth 2.0 ("scope"). It believes them all. Whatever is not as it
// should be is left out.
func (f *facts) read(claims string) {
	raw, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil {
		return
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return
	}
	var access []struct {
		Type, Name string
		Actions    []string
	}
	var scope string
	get(all["sub"], &f.subject)
	get(all["access"], &access)
	get(all["scope"], &scope)
	for _, a := range access {
		f.add(a.Type + ":" + a.Name + ":" + strings.Join(a.Actions, ","))
	}
	for word := range strings.FieldsSeq(scope) {
		f.add(word)
	}
}

// get reads a claim, which stays at its zero value if it is not of the kind.
func get[T any](raw json.RawMessage, to *T) {
	var value T
	if json.Unmarshal(raw, &value) == nil {
		*to = value
	}
}

func (f *facts) add(scope string) {
	if len(f.scopes) < maxScopes {
		f.scopes = append(f.scopes, scope)
	}
}
