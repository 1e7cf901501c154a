package auth

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ocifake/ocifake/registry"
)

// tokens are those that the token service gives out.
type tokens struct {
	options TokenOptions
	key     func() *signer // made when it is first needed

	mu       sync.Mutex
	serial   uint64 // of the latest token
	lives    []Life // of the next ones
	states   map[uint64]*state
	verified map[fingerprint]verified // tokens whose signature was right; of opaque ones, all
	refresh  map[fingerprint]string   // refresh token to user
	room     []byte                   // for a token while it is looked up
}

// fingerprint is what is kept of a secret. Looking one up compares no byte of the
// secret itself, so that the time it takes says nothing about it.
type fingerprint [sha256.Size]byte

func fingerprintOf(secret string) fingerprint { return sha256.Sum256([]byte(secret)) }

type verified struct {
	serial uint64
	who    Identity
}

const maxRefresh = 10_000

type signer struct {
	key *ecdsa.PrivateKey
	id  string
}

func newTokens(options TokenOptions) *tokens {
	return &tokens{
		options:  options,
		key:      sync.OnceValue(newSigner),
		states:   map[uint64]*state{},
		verified: map[fingerprint]verified{},
		refresh:  map[fingerprint]string{},
	}
}

func newSigner() *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("auth: cannot generate a key: %w", err))
	}
	return &signer{key, rand.Text()}
}

func (t *tokens) service() string { return cmp.Or(t.options.Service, defaultService) }
func (t *tokens) issuer() string  { return cmp.Or(t.options.Issuer, defaultService) }

// claims are those of the Docker token specification.
type claims struct {
	jwt.RegisteredClaims
	Access []Scope `json:"access"`
}

// grant is a token that was given out.
type grant struct {
	token  string
	issued time.Time
	ttl    time.Duration
	scopes []Scope
}

// issue gives out a token.
func (t *tokens) issue(user string, scopes []Scope) (grant, error) {
	serial, life, s := t.begin()
	g := grant{issued: time.Now(), ttl: life.TTL, scopes: scopes}
	if t.options.Opaque {
		g.token = rand.Text() + rand.Text()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.verified[fingerprintOf(g.token)] = verified{serial, bearer(user, scopes)}
		return g, nil
	}
	signed := jwt.NewWithClaims(jwt.SigningMethodES256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.issuer(),
			Subject:   user,
			Audience:  jwt.ClaimStrings{t.service()},
			ExpiresAt: jwt.NewNumericDate(s.expires.Add(time.Second)), // it has whole seconds; the state is exact
			NotBefore: jwt.NewNumericDate(s.notBefore),
			IssuedAt:  jwt.NewNumericDate(g.issued.Add(t.options.Skew)),
			ID:        idOf(serial),
		},
		Access: granted(scopes),
	})
	signer := t.key()
	signed.Header["kid"] = signer.id
	var err error
	g.token, err = signed.SignedString(signer.key)
	return g, err
}

// idOf makes a token's ID of its number, unlike that of another registry's.
func idOf(serial uint64) string { return strconv.FormatUint(serial, 10) + "." + rand.Text() }

// bearer is who has a token.
func bearer(user string, scopes []Scope) Identity {
	return Identity{Subject: user, Scheme: "Bearer", Granted: granted(scopes), texts: texts(scopes)}
}

// granted is not nil: a token that allows nothing is one.
func granted(scopes []Scope) []Scope { return append([]Scope{}, scopes...) }

// tokenError says what is wrong with a token itself.
type tokenError struct{ reason string }

func (e tokenError) Error() string { return "the token " + e.reason + ": get a new one" }
func (e tokenError) Unwrap() error {
	return &registry.Error{Cause: registry.Unauthorized, Message: e.Error()}
}

// maxToken bounds what is parsed, in bytes.
const maxToken = 64 << 10

// verify tells who a token is for, and what it allows, and counts its use.
func (t *tokens) verify(token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, tokenError{"is too long"}
	}
	if who, known, err := t.useKnown(token); known {
		return who, err
	}
	if t.options.Opaque {
		return Identity{}, tokenError{"is not one of this registry, or was revoked"}
	}
	v, err := t.parse(token)
	if err != nil {
		return Identity{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.use(v); err != nil {
		return Identity{}, err
	}
	t.verified[fingerprintOf(token)] = v
	return v.who, nil
}

// useKnown counts the use of a token, if its signature need not be verified again.
func (t *tokens) useKnown(token string) (who Identity, known bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room = append(t.room[:0], token...)
	v, known := t.verified[sha256.Sum256(t.room)]
	if !known {
		return Identity{}, false, nil
	}
	if err := t.use(v); err != nil {
		return Identity{}, true, err
	}
	return v.who, true, nil
}

// tokenCharacters are those that a token can have (RFC 6750, 2.1). Decoders of
// base64 skip others.
const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

// parse verifies the signature and the claims of a JSON Web Token.
func (t *tokens) parse(token string) (verified, error) {
	if strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(tokenCharacters, r) }) {
		return verified{}, tokenError{"is not one of this registry"}
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return &t.key().key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}),
		jwt.WithAudience(t.service()),
		jwt.WithIssuer(t.issuer()),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(), // one token, one text
		jwt.WithTimeFunc(time.Now),
	)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return verified{}, tokenError{"has expired"}
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return verified{}, tokenError{"is not valid yet"}
	case err != nil:
		return verified{}, tokenError{"is not one of this registry"} // the error may quote it
	}
	number, _, _ := strings.Cut(c.ID, ".")
	serial, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return verified{}, tokenError{"is not one of this registry"}
	}
	return verified{serial, bearer(c.Subject, c.Access)}, nil
}

// newRefresh gives out a refresh token.
func (t *tokens) newRefresh(user string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.refresh) >= maxRefresh {
		clear(t.refresh)
	}
	token := rand.Text() + rand.Text()
	t.refresh[fingerprintOf(token)] = user
	return token
}

func (t *tokens) userOf(refresh string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	user, ok := t.refresh[fingerprintOf(refresh)]
	return user, ok
}

// keySet is the JSON Web Key Set (RFC 7517) with the key that verifies tokens.
func (t *tokens) keySet() (map[string]any, error) {
	signer := t.key()
	raw, err := signer.key.PublicKey.Bytes() // 4, then both coordinates
	if err != nil {
		return nil, err
	}
	half := (len(raw) - 1) / 2
	return map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "use": "sig", "alg": jwt.SigningMethodES256.Alg(), "crv": "P-256", "kid": signer.id,
		"x": base64.RawURLEncoding.EncodeToString(raw[1 : 1+half]),
		"y": base64.RawURLEncoding.EncodeToString(raw[1+half:]),
	}}}, nil
}
