package auth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
)

// lively is a service of which the tokens' lives can be watched. What a token does
// is told from the answers to GET /v2/.
type lively struct{ *fixture }

func newLively(t testing.TB, options auth.TokenOptions) lively {
	t.Helper()
	return lively{newFixture(t, auth.Options{Users: map[string]string{"alice": "secret"}, Token: &options})}
}

func (l lively) fresh() string { return l.token(basic("alice", "secret")) }

// is tells what the registry says of a token: nothing, or what is wrong.
func (l lively) is(token string) string {
	l.t.Helper()
	a := l.get(bearer(token), "/v2/")
	if a.Status == 200 {
		return ""
	}
	require.Equal(l.t, []string{bearerChallenge("", "invalid_token")}, a.Challenge)
	require.Equal(l.t, 401, a.Status)
	var body struct{ Errors []struct{ Message string } }
	require.NoError(l.t, json.Unmarshal([]byte(a.Body), &body))
	return body.Errors[0].Message
}

const (
	expired = "authentication required: the token has expired: get a new one"
	notYet  = "authentication required: the token is not valid yet: get a new one"
	revoked = "authentication required: the token was revoked: get a new one"
	unknown = "authentication required: the token is not one of this registry: get a new one"
)

// eachKind runs a test in virtual time with both kinds of tokens.
func eachKind(t *testing.T, test func(t *testing.T, opaque bool)) {
	for name, opaque := range map[string]bool{"JWT": false, "opaque": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, opaque) })
		})
	}
}

func TestTTL(t *testing.T) {
	eachKind(t, func(t *testing.T, opaque bool) {
		for ttl, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, time.Hour: time.Hour, 1500 * time.Millisecond: 1500 * time.Millisecond} {
			l := newLively(t, auth.TokenOptions{TTL: ttl, Opaque: opaque})
			time.Sleep(300 * time.Millisecond) // claims have whole seconds
			used, unused := l.fresh(), l.fresh()
			assert.Empty(t, l.is(used))
			time.Sleep(want - 1)
			assert.Empty(t, l.is(used), ttl)
			time.Sleep(time.Nanosecond)
			assert.Equal(t, expired, l.is(used), ttl)
			assert.Equal(t, expired, l.is(unused), ttl)
			time.Sleep(24 * time.Hour)
			assert.Equal(t, expired, l.is(used))
			assert.Empty(t, l.is(l.fresh()))
		}
	})
}

func TestSkew(t *testing.T) {
	eachKind(t, func(t *testing.T, opaque bool) {
		ahead := newLively(t, auth.TokenOptions{Skew: time.Minute, Opaque: opaque})
		token := ahead.fresh()
		assert.Equal(t, notYet, ahead.is(token))
		time.Sleep(time.Minute - 1)
		assert.Equal(t, notYet, ahead.is(token))
		time.Sleep(time.Nanosecond)
		assert.Empty(t, ahead.is(token))
		time.Sleep(5*time.Minute - 1)
		assert.Empty(t, ahead.is(token))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, expired, ahead.is(token))

		behind := newLively(t, auth.TokenOptions{Skew: -time.Minute, Opaque: opaque})
		token = behind.fresh()
		time.Sleep(4*time.Minute - 1)
		assert.Empty(t, behind.is(token))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, expired, behind.is(token))

		far := newLively(t, auth.TokenOptions{Skew: -time.Hour, Opaque: opaque})
		assert.Equal(t, expired, far.is(far.fresh()), "it is born so")
	})
}

func TestNext(t *testing.T) {
	eachKind(t, func(t *testing.T, opaque bool) {
		l := newLively(t, auth.TokenOptions{TTL: time.Minute, Opaque: opaque})
		l.service.Next(auth.Life{Uses: 3}, auth.Life{TTL: time.Second})
		l.service.Next(auth.Life{NotBefore: 10 * time.Second}, auth.Life{TTL: -1}, auth.Life{Uses: 1, TTL: time.Second})
		three, second, later, dead, both, normal := l.fresh(), l.fresh(), l.fresh(), l.fresh(), l.fresh(), l.fresh()
		for range 3 {
			assert.Empty(t, l.is(three))
		}
		assert.Equal(t, expired, l.is(three))
		assert.Equal(t, expired, l.is(three))
		assert.Equal(t, notYet, l.is(later))
		assert.Equal(t, expired, l.is(dead))
		assert.Empty(t, l.is(both))
		assert.Equal(t, expired, l.is(both))
		assert.Empty(t, l.is(second))
		time.Sleep(time.Second)
		assert.Equal(t, expired, l.is(second))
		time.Sleep(9 * time.Second)
		assert.Empty(t, l.is(later))
		time.Sleep(50 * time.Second)
		assert.Equal(t, expired, l.is(normal))
		assert.Empty(t, l.is(later), "it lives as long, from later on")
		time.Sleep(10 * time.Second)
		assert.Equal(t, expired, l.is(later))
	})
}

// A request that is refused for what it wants uses the token; one with a token that
// is not valid yet does not.
func TestUses(t *testing.T) {
	eachKind(t, func(t *testing.T, opaque bool) {
		l := newLively(t, auth.TokenOptions{Opaque: opaque})
		l.service.Next(auth.Life{Uses: 2, NotBefore: time.Second})
		token := l.fresh()
		assert.Equal(t, notYet, l.is(token))
		assert.Equal(t, notYet, l.is(token))
		time.Sleep(time.Second)
		a := l.get(bearer(token), "/v2/app/manifests/v1")
		assert.Equal(t, []string{bearerChallenge("repository:app:pull", "insufficient_scope")}, a.Challenge)
		assert.Empty(t, l.is(token))
		assert.Equal(t, expired, l.is(token))
	})
}

func TestRevokeAll(t *testing.T) {
	eachKind(t, func(t *testing.T, opaque bool) {
		l := newLively(t, auth.TokenOptions{Opaque: opaque})
		used, unused := l.fresh(), l.fresh()
		refresh := l.get(basic("alice", "secret"), "/v2/token?offline_token=true").token(t).RefreshToken
		assert.Equal(t, 200, l.refresh(refresh).Status)
		assert.Empty(t, l.is(used))
		l.service.RevokeAll()
		assert.Equal(t, revoked, l.is(used))
		assert.Equal(t, revoked, l.is(unused))
		assert.Equal(t, 401, l.refresh(refresh).Status)
		assert.Empty(t, l.is(l.fresh()), "those given out later are good")
		l.service.Next(auth.Life{Uses: 1})
		l.service.RevokeAll()
		once := l.fresh()
		assert.Empty(t, l.is(once))
		assert.Equal(t, expired, l.is(once), "what the next ones are to be like stays")
	})
}

// A token that is too long is not even looked at.
func TestLongTokens(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		l := newLively(t, auth.TokenOptions{Opaque: opaque})
		assert.Equal(t, "authentication required: the token is too long: get a new one", l.is(strings.Repeat("x", 64<<10+1)))
		assert.Equal(t, unknown, l.is(strings.Repeat("x", 64<<10)))
	}
}

// Without a token service there is nothing to revoke but passwords.
func TestLivesWithoutTokens(t *testing.T) {
	f := newFixture(t, auth.Options{Users: map[string]string{"alice": "secret"}})
	f.service.Next(auth.Life{Uses: 1})
	f.service.RevokeAll()
	for range 2 {
		assert.Equal(t, 200, f.get(basic("alice", "secret"), "/v2/").Status)
	}
	assert.Empty(t, f.service.ServiceName())
}

// What the answer says of a token's life is true.
func TestExpiresIn(t *testing.T) {
	eachKind(t, func(t *testing.T, opaque bool) {
		l := newLively(t, auth.TokenOptions{TTL: 90 * time.Second, Opaque: opaque})
		got := l.askToken(basic("alice", "secret")).token(t)
		require.NotNil(t, got.ExpiresIn)
		assert.Equal(t, 90, *got.ExpiresIn)
		assert.Equal(t, "2000-01-01T00:00:00Z", got.IssuedAt)
		l.service.Next(auth.Life{TTL: 1500 * time.Millisecond})
		got = l.askToken(basic("alice", "secret")).token(t)
		assert.Equal(t, 2, *got.ExpiresIn)
		time.Sleep(90*time.Minute + time.Millisecond)
		assert.Equal(t, "2000-01-01T01:30:00Z", l.askToken(basic("alice", "secret")).token(t).IssuedAt)

		silent := newLively(t, auth.TokenOptions{OmitExpiresIn: true, Opaque: opaque})
		assert.Nil(t, silent.askToken(basic("alice", "secret")).token(t).ExpiresIn)
	})
}
