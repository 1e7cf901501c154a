package auth

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClaims signs with the registry's own key what it would not.
func TestClaims(t *testing.T) {
	s, err := New(Options{Token: &TokenOptions{}})
	require.NoError(t, err)
	good := func() claims {
		x, _ := s.tokens.begin(time.Now())
		return claims{RegisteredClaims: jwt.RegisteredClaims{
			Issuer: "ocifake", Subject: "alice", Audience: jwt.ClaimStrings{"ocifake"}, ID: x.id(),
			ExpiresAt: jwt.NewNumericDate(x.expires()), NotBefore: jwt.NewNumericDate(x.notBefore()), IssuedAt: jwt.NewNumericDate(time.Now()),
		}}
	}
	for name, test := range map[string]struct {
		edit func(*claims)
		want string // a part of the error
	}{
		"none":               {func(*claims) {}, ""},
		"several audiences":  {func(c *claims) { c.Audience = append(c.Audience, "other") }, ""},
		"wrong audience":     {func(c *claims) { c.Audience = jwt.ClaimStrings{"other"} }, "not one of this registry"},
		"audience by prefix": {func(c *claims) { c.Audience = jwt.ClaimStrings{"ocifake.example"} }, "not one of this registry"},
		"no audience":        {func(c *claims) { c.Audience = nil }, "not one of this registry"},
		"wrong issuer":       {func(c *claims) { c.Issuer = "other" }, "not one of this registry"},
		"no issuer":          {func(c *claims) { c.Issuer = "" }, "not one of this registry"},
		"expired":            {func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Second)) }, "has expired"},
		"no expiry":          {func(c *claims) { c.ExpiresAt = nil }, "not one of this registry"},
		"not yet":            {func(c *claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Minute)) }, "is not valid yet"},
		"no ID":              {func(c *claims) { c.ID = "" }, "not one of this registry"},
		"odd ID":             {func(c *claims) { c.ID = "-1.x" }, "not one of this registry"},
		"half an ID":         {func(c *claims) { c.ID = "1.0.x" }, "not one of this registry"},
		"unknown ID":         {func(c *claims) { c.ID = "zzzz." + c.ID[strings.IndexByte(c.ID, '.')+1:] }, "was revoked"},
		"revoked ID":         {func(c *claims) { c.ID = "0." + c.ID[strings.IndexByte(c.ID, '.')+1:] }, "was revoked"},
	} {
		c := good()
		test.edit(&c)
		token, err := jwt.NewWithClaims(jwt.SigningMethodES256, c).SignedString(s.tokens.key().key)
		require.NoError(t, err)
		_, err = s.tokens.verify(token)
		if test.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, test.want, name)
		}
	}
}

// However many tokens anybody asks for, those of others stay valid, and memory is
// bounded.
func TestManyTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, opaque := range []bool{true, false} {
			s, err := New(Options{Token: &TokenOptions{TTL: time.Minute, Opaque: opaque}})
			require.NoError(t, err)
			issue := func(user string) string {
				g, err := s.tokens.issue(user, nil)
				require.NoError(t, err)
				return g.token
			}
			valid := func(token string) bool {
				_, err := s.tokens.verify(token)
				return err == nil
			}
			s.Next(Life{Uses: 2})
			twice, used, unused := issue("alice"), issue("alice"), issue("alice")
			refresh, err := s.tokens.newRefresh("alice")
			require.NoError(t, err)
			require.True(t, valid(used))
			require.True(t, valid(twice))
			for range maxVerified { // all that anonymous clients can do
				x, _ := s.tokens.begin(time.Now())
				s.tokens.verified[fingerprintOf(x.id())] = verified{span: x}
			}
			for range 100 {
				require.True(t, valid(issue("")))
			}
			for range 3 * maxVerified {
				if _, err := s.tokens.newRefresh("bob"); err != nil {
					t.Fatal(err)
				}
			}
			assert.LessOrEqual(t, len(s.tokens.verified), maxVerified)
			assert.Len(t, s.tokens.uses, 1)
			assert.True(t, valid(used))
			assert.True(t, valid(unused))
			assert.Equal(t, []bool{true, false}, []bool{valid(twice), valid(twice)})
			user, _, known := s.tokens.useRefresh(refresh)
			assert.Equal(t, "alice", user)
			assert.True(t, known)
			time.Sleep(time.Minute)
			assert.False(t, valid(used))
			assert.False(t, valid(unused))
			s.Next(Life{Uses: 1})
			issue("alice")
			assert.Len(t, s.tokens.uses, 1, "those that have expired are forgotten")
		}
	})
}

// A sealed token of one kind is none of the other, and has one text.
func TestSealedTokens(t *testing.T) {
	s := newSealer()
	token, err := s.token(accessKind, sealed{Span: span{Serial: 7}, User: "alice"})
	require.NoError(t, err)
	content, ok := s.open(accessKind, token)
	assert.True(t, ok)
	assert.Equal(t, sealed{Span: span{Serial: 7}, User: "alice"}, content)
	assert.NotContains(t, token, "alice")
	for _, wrong := range []string{"", "x", token + "A", token[:len(token)-1], token[1:], token + "\n", token[:5] + "\n" + token[5:], token + "=", strings.ToUpper(token)} {
		_, ok := s.open(accessKind, wrong)
		assert.False(t, ok, wrong)
	}
	_, ok = s.open(refreshKind, token)
	assert.False(t, ok)
	_, ok = newSealer().open(accessKind, token)
	assert.False(t, ok)
}
