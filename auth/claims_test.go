package auth

import (
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
		serial, _, state := s.tokens.begin()
		require.EqualValues(t, len(s.tokens.states), serial)
		return claims{RegisteredClaims: jwt.RegisteredClaims{
			Issuer: "ocifake", Subject: "alice", Audience: jwt.ClaimStrings{"ocifake"}, ID: idOf(serial),
			ExpiresAt: jwt.NewNumericDate(state.expires), NotBefore: jwt.NewNumericDate(state.notBefore), IssuedAt: jwt.NewNumericDate(time.Now()),
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
		"unknown ID":         {func(c *claims) { c.ID = "1000000.x" }, "was revoked"},
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

// Memory is bounded: when there are too many tokens, those that have expired are
// forgotten, and if none have, all.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Options{Token: &TokenOptions{TTL: time.Minute, Opaque: true}})
		require.NoError(t, err)
		issue := func() string {
			g, err := s.tokens.issue("alice", nil)
			require.NoError(t, err)
			return g.token
		}
		valid := func(token string) bool {
			_, err := s.tokens.verify(token)
			return err == nil
		}
		old := issue()
		time.Sleep(time.Minute)
		young := issue()
		for len(s.tokens.states) < maxStates {
			s.tokens.begin()
		}
		assert.True(t, valid(young))
		latest := issue()
		assert.Len(t, s.tokens.states, maxStates)
		assert.Len(t, s.tokens.verified, 2)
		assert.Equal(t, []bool{false, true, true}, []bool{valid(old), valid(young), valid(latest)})
		latest = issue()
		assert.Len(t, s.tokens.states, 1)
		assert.Len(t, s.tokens.verified, 1)
		assert.Equal(t, []bool{false, true}, []bool{valid(young), valid(latest)})

		first := s.tokens.newRefresh("alice")
		for range maxRefresh - 1 {
			s.tokens.newRefresh("alice")
		}
		_, known := s.tokens.userOf(first)
		assert.True(t, known)
		s.tokens.newRefresh("alice")
		assert.Len(t, s.tokens.refresh, 1)
	})
}
