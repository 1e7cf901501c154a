package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
)

// publishedKey reads the key that verifies tokens, as anybody may.
func (f *fixture) publishedKey() (key *ecdsa.PublicKey, id string) {
	f.t.Helper()
	a := f.get(anonymous, "/v2/token/keys")
	require.Equal(f.t, 200, a.Status)
	var set struct{ Keys []map[string]string }
	require.NoError(f.t, json.Unmarshal([]byte(a.Body), &set))
	require.Len(f.t, set.Keys, 1)
	k := set.Keys[0]
	assert.Equal(f.t, []string{"EC", "P-256", "ES256", "sig"}, []string{k["kty"], k["crv"], k["alg"], k["use"]})
	number := func(text string) *big.Int {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(f.t, err)
		require.Len(f.t, raw, 32)
		return new(big.Int).SetBytes(raw)
	}
	return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(k["x"]), Y: number(k["y"])}, k["kid"]
}

// Anybody can verify a token, and finds in it what the token specification says.
func TestKeysVerifyTokens(t *testing.T) {
	f := newFixture(t, teamOptions(auth.TokenOptions{Service: "hub.example", Issuer: "auth.example", TTL: time.Minute}))
	key, id := f.publishedKey()
	before := time.Now().Truncate(time.Second)
	got := f.get(basic("alice", "secret"), "/v2/token?service=hub.example&scope=repository:team/a:push,pull&scope=registry:catalog:*").token(t)
	var claims jwt.MapClaims
	token, err := jwt.ParseWithClaims(got.Token, &claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("hub.example"), jwt.WithIssuer("auth.example"), jwt.WithSubject("alice"),
		jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
	require.NoError(t, err)
	assert.Equal(t, id, token.Header["kid"])
	assert.Equal(t, "JWT", token.Header["typ"])
	assert.Equal(t, []any{
		map[string]any{"type": "repository", "name": "team/a", "actions": []any{"pull", "push"}},
		map[string]any{"type": "registry", "name": "catalog", "actions": []any{"*"}},
	}, claims["access"])
	assert.NotEmpty(t, claims["jti"])
	expires, err := claims.GetExpirationTime()
	require.NoError(t, err)
	assert.WithinRange(t, expires.Time, before.Add(time.Minute), time.Now().Add(time.Minute+2*time.Second))

	var again jwt.MapClaims
	_, _, err = jwt.NewParser().ParseUnverified(f.get(anonymous, "/v2/token").token(t).Token, &again)
	require.NoError(t, err)
	assert.Equal(t, []any{}, again["access"], "a list, if an empty one")
	assert.NotContains(t, again, "sub")
	assert.NotEqual(t, claims["jti"], again["jti"])
}

// TestForgedTokens: the attacker knows all that is public, and has a token of
// another user, bob, who may do nothing.
func TestForgedTokens(t *testing.T) {
	options := teamOptions(auth.TokenOptions{})
	options.Users["bob"] = "secret"
	f := newFixture(t, options)
	f.push("team/a")
	const scope, target = "repository:team/a:pull", "/v2/team/a/manifests/v1"
	alice, bob := f.token(basic("alice", "secret"), scope), f.token(basic("bob", "secret"), scope)
	key, id := f.publishedKey()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	ownRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)

	// good is what alice's token says; edited changes that.
	claims := func(edit func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{}
		_, _, err := jwt.NewParser().ParseUnverified(alice, &c)
		require.NoError(t, err)
		if edit != nil {
			edit(c)
		}
		return c
	}
	signed := func(method jwt.SigningMethod, key any, header map[string]any) string {
		token := jwt.NewWithClaims(method, claims(nil))
		token.Header["kid"] = id
		for name, value := range header {
			token.Header[name] = value
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	part := func(value any) string {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	parts := func(token string) []string { return strings.Split(token, ".") }
	bobs := parts(bob)
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(own.X.FillBytes(make([]byte, 32))), "y": base64.RawURLEncoding.EncodeToString(own.Y.FillBytes(make([]byte, 32)))}

	require.Equal(t, 200, f.get(bearer(alice), target).Status, "or else nothing below means anything")
	require.Equal(t, 401, f.get(bearer(bob), target).Status)
	for name, token := range map[string]string{
		"alg none":                    signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"alg none, signature kept":    part(map[string]string{"alg": "none", "typ": "JWT"}) + "." + parts(alice)[1] + "." + parts(alice)[2],
		"alg None":                    part(map[string]string{"alg": "None"}) + "." + part(claims(nil)) + ".",
		"no alg":                      part(map[string]string{"typ": "JWT"}) + "." + part(claims(nil)) + "." + bobs[2],
		"HS256 with the key in DER":   signed(jwt.SigningMethodHS256, der, nil),
		"HS256 with the key in PEM":   signed(jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil),
		"HS256 with the key as bytes": signed(jwt.SigningMethodHS256, append(key.X.Bytes(), key.Y.Bytes()...), nil),
		"HS256 with nothing":          signed(jwt.SigningMethodHS256, []byte{}, nil),
		"another key":                 signed(jwt.SigningMethodES256, own, nil),
		"another key in the header":   signed(jwt.SigningMethodES256, own, map[string]any{"jwk": jwk, "kid": "own"}),
		"another key by URL":          signed(jwt.SigningMethodES256, own, map[string]any{"jku": "http://evil.example/keys"}),
		"another curve":               signed(jwt.SigningMethodES384, own384, nil),
		"RSA":                         signed(jwt.SigningMethodRS256, ownRSA, nil),
		"edited scope":                bobs[0] + "." + part(claims(func(c jwt.MapClaims) { c["sub"] = "bob" })) + "." + bobs[2],
		"claims of another":           bobs[0] + "." + parts(alice)[1] + "." + bobs[2],
		"signature of another":        parts(alice)[0] + "." + parts(alice)[1] + "." + bobs[2],
		"no signature":                parts(alice)[0] + "." + parts(alice)[1] + ".",
		"no third part":               parts(alice)[0] + "." + parts(alice)[1],
		"a fourth part":               alice + ".x",
		"zero signature":              parts(alice)[0] + "." + parts(alice)[1] + "." + strings.Repeat("A", 86),
		"padded":                      alice + "==",
		"another last bit":            lastBit(alice),
		"other base64":                strings.NewReplacer("-", "+", "_", "/").Replace(alice) + "=",
		"quoted":                      `"` + alice + `"`,
		"twice":                       alice + "," + alice,
		"empty":                       "",
		"dots":                        "..",
	} {
		a := f.get(bearer(token), target)
		assert.Equal(t, 401, a.Status, name)
		assert.Equal(t, []string{bearerChallenge(scope, "invalid_token")}, a.Challenge, name)
		if len(token) > 4 {
			assert.NotContains(t, a.Body, token, name)
		}
	}
	assert.Equal(t, 200, f.get(bearer(alice), target).Status)
}

// lastBit changes bits of the last character that no byte depends on.
func lastBit(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

// Tokens are good for the registry alone that gave them out, whatever it is called.
func TestTokenOfAnotherRegistry(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		options := teamOptions(auth.TokenOptions{Opaque: opaque})
		f, other := newFixture(t, options), newFixture(t, options)
		mine, theirs := f.token(basic("alice", "secret")), other.token(basic("alice", "secret"))
		assert.Equal(t, 200, f.get(bearer(mine), "/v2/").Status)
		assert.Equal(t, 401, f.get(bearer(theirs), "/v2/").Status)
		assert.Equal(t, 401, other.get(bearer(mine), "/v2/").Status)
		refresh := other.login("alice", "secret", "access_type", "offline").token(t).RefreshToken
		assert.Equal(t, 401, f.refresh(refresh).Status)
	}
}
