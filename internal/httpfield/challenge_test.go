package httpfield_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/httpfield"
)

func TestChallenges(t *testing.T) {
	for field, want := range map[string][]httpfield.Challenge{
		`Bearer realm="https://auth.test/token",service="a, b",scope="repository:a:pull,push repository:b:pull"`: {{"Bearer", map[string]string{
			"realm": "https://auth.test/token", "service": "a, b", "scope": "repository:a:pull,push repository:b:pull"}}},
		`bearer Realm=token , error="say \"no\""`: {{"bearer", map[string]string{"realm": "token", "error": `say "no"`}}},
		`Basic`: {{"Basic", map[string]string{}}},
		`Negotiate, Basic realm = "r", Bearer a=b`:     {{"Negotiate", map[string]string{}}, {"Basic", map[string]string{"realm": "r"}}, {"Bearer", map[string]string{"a": "b"}}},
		`Negotiate YWJj+/==, Basic realm="r",x="y, z"`: {{"Negotiate", map[string]string{}}, {"Basic", map[string]string{"realm": "r", "x": "y, z"}}},
	} {
		got, ok := httpfield.Challenges(field)
		assert.True(t, ok, field)
		assert.Equal(t, want, got, field)
	}
	for _, field := range []string{
		`realm="r"`, `Bearer realm "r"`, `Bearer realm=http://a/b`, `Bearer realm='http://a/b'`, `Bearer realm="r";service="s"`, `Bearer realm="r`, `Basic: realm="r"`,
	} {
		_, ok := httpfield.Challenges(field)
		assert.False(t, ok, field)
	}
}
