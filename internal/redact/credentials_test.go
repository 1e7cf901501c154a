package redact

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func jwt(claims string) string {
	return "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".hush"
}

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestIdentity(t *testing.T) {
	many := `{"scope":"` + strings.Repeat("x ", 2*maxScopes) + `"}`
	for _, test := range []struct {
		authorization string
		scheme        string
		subject       string
		scopes        []string
	}{
		{"", "", "", nil},
		{"hush", "", "", nil},
		{"Basic " + basic("me:hush:hush"), "Basic", "me", nil},
		{"basic   " + basic(":hush"), "Basic", "", nil},
		{"Basic " + basic("hush"), "Basic", "", nil},
		{"Basic " + basic("hush:"), "Basic", "", nil},
		{"Basic " + basic("hush:x-oauth-basic"), "Basic", "", nil},
		{"Secret words", "", "", nil},
		{"Basic !", "Basic", "", nil},
		{"Basic " + basic(strings.Repeat("x", maxUser+1)+":"), "Basic", "", nil},
		{"Digest username=me", "Digest", "", nil},
		{"Bearer hush", "Bearer", "", nil},
		{"Bearer hush.hush.hush", "Bearer", "", nil},
		{"Bearer " + jwt(`{"sub":"me"}`), "Bearer", "me", nil},
		{"BEARER " + jwt(`{"sub":"me","access":[{"type":"repository","name":"app","actions":["pull","push"]},{"type":"registry","name":"catalog","actions":["*"]}]}`), "Bearer", "me", []string{"repository:app:pull,push", "registry:catalog:*"}},
		{"Bearer " + jwt(`{"scope":"a  b"}`), "Bearer", "", []string{"a", "b"}},
		{"Bearer " + jwt(`{"sub":1,"access":"x","scope":["x"]}`), "Bearer", "", nil},
		{"Bearer " + jwt(`{"sub":"me","access":[{"name":1}]}`), "Bearer", "me", nil},
		{"Bearer " + jwt(many), "Bearer", "", strings.Fields(many[len(`{"scope":"`):])[:maxScopes]},
		{"Bearer " + jwt(`{"sub":"`+strings.Repeat("x", maxClaims)+`"}`), "Bearer", "", nil},
		{"Bearer " + jwt(`{"sub":"me"}`) + ".more.parts", "Bearer", "", nil}, // encrypted
		{"Bearer eyJ.eyJ.", "Bearer", "", nil},
	} {
		got := Identify(test.authorization)
		assert.Equal(t, Identity{test.scheme, test.subject, test.scopes}, got, test.authorization)
		assert.NotContains(t, fmt.Sprint(got), "hush")
	}
}
