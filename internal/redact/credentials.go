package redact

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Identity is what credentials say about the client, without the secret.
type Identity struct {
	Scheme  string   // "Basic", "Bearer"
	Subject string   // the user of Basic, or the subject of a JWT
	Scopes  []string // of a JWT
}

const (
	maxUser   = 1 << 10
	maxClaims = 16 << 10
	maxScopes = 100
)

// Identify returns the identity in the value of Authorization. It verifies nothing.
func Identify(authorization string) Identity {
	id := Identity{Scheme: Scheme(authorization)}
	value := strings.TrimLeft(strings.TrimPrefix(authorization, id.Scheme), " ")
	switch {
	case strings.EqualFold(id.Scheme, "Basic"):
		id.Scheme = "Basic"
		id.Subject = basicUser(value)
	case strings.EqualFold(id.Scheme, "Bearer"):
		id.Scheme = "Bearer"
		id.read(jwtClaims(value))
	}
	return id
}

// basicUser returns the user of Basic (RFC 7617), if there is one. If the password is
// empty or a fixed word, the user is a token, and is not returned.
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

// jwtClaims returns the second of the three parts of a signed JWT (RFC 7515, 3.1), or ""
// for any other token: its secret may be anywhere.
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

// read reads the claims of a JWT: those of the Docker token specification ("access")
// and those of OAuth 2.0 ("scope"). It ignores malformed claims.
func (id *Identity) read(claims string) {
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
	get(all["sub"], &id.Subject)
	get(all["access"], &access)
	get(all["scope"], &scope)
	for _, a := range access {
		id.add(a.Type + ":" + a.Name + ":" + strings.Join(a.Actions, ","))
	}
	for word := range strings.FieldsSeq(scope) {
		id.add(word)
	}
}

// get reads a claim, which keeps its zero value if it has another type.
func get[T any](raw json.RawMessage, to *T) {
	var value T
	if json.Unmarshal(raw, &value) == nil {
		*to = value
	}
}

func (id *Identity) add(scope string) {
	if len(id.Scopes) < maxScopes {
		id.Scopes = append(id.Scopes, scope)
	}
}
