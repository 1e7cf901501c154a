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
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ocifake/ocifake/registry"
)

// tokens issues and verifies tokens. A token contains all that is known of it, signed or
// sealed, so that tokens take no memory, however many a client requests.
type tokens struct {
	options TokenOptions
	key     func() *signer // made when it is first needed
	seal    func() *sealer // likewise

	mu       sync.Mutex
	serial   uint64                   // of the latest token, refresh tokens included
	revoked  uint64                   // the latest that was revoked, with all before
	lives    []Life                   // of the next ones
	uses     map[uint64]*uses         // of tokens that are valid for a number of requests
	verified map[fingerprint]verified // a cache
	room     []byte                   // for a token while it is looked up
	rotated  map[uint64]int           // the latest generation of refresh tokens that was used, by family
}

// fingerprint is the hash of a secret. Looking up a fingerprint compares no byte of the secret
// itself, so that its time reveals nothing about the secret.
type fingerprint [sha256.Size]byte

func fingerprintOf(secret string) fingerprint { return sha256.Sum256([]byte(secret)) }

// verified is a token with a valid signature or seal.
type verified struct {
	span
	who Identity
}

// maxVerified limits the cache.
const maxVerified = 10_000

type signer struct {
	key *ecdsa.PrivateKey
	id  string
}

func newTokens(options TokenOptions) *tokens {
	return &tokens{
		options:  options,
		key:      sync.OnceValue(newSigner),
		seal:     sync.OnceValue(newSealer),
		uses:     map[uint64]*uses{},
		verified: map[fingerprint]verified{},
		rotated:  map[uint64]int{},
	}
}

func newSigner() *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("auth: cannot generate a key: %w", err))
	}
	return &signer{key, rand.Text()}
}

const hostPlaceholder = "{host}" // in TokenOptions.Service

// service returns the name of the registry for the sender of a request. origin is the scheme and
// the host of the request.
func (t *tokens) service(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return strings.ReplaceAll(cmp.Or(t.options.Service, defaultService), hostPlaceholder, host)
}

func (t *tokens) audience() string {
	if strings.Contains(t.options.Service, hostPlaceholder) {
		return defaultService
	}
	return cmp.Or(t.options.Service, defaultService)
}

func (t *tokens) issuer() string { return cmp.Or(t.options.Issuer, defaultService) }

// claims are those of the Docker token specification.
type claims struct {
	jwt.RegisteredClaims
	Access  []Scope `json:"access"`
	Padding string  `json:"padding,omitempty"`
}

// grant is an issued token.
type grant struct {
	token  string
	issued time.Time
	ttl    time.Duration
	scopes []Scope
}

// issue issues a token.
func (t *tokens) issue(user string, scopes []Scope) (grant, error) {
	now := time.Now()
	x, life := t.begin(now)
	g := grant{issued: now, ttl: life.TTL, scopes: life.narrow(scopes)}
	make := t.sign
	if t.options.Opaque {
		make = t.sealAccess
	}
	var err error
	g.token, err = make(x, user, g, "")
	if short := t.options.Size - len(g.token); err == nil && short > 0 {
		// Base64 makes four characters of three.
		g.token, err = make(x, user, g, strings.Repeat("x", (short*3+3)/4))
	}
	return g, err
}

// sealAccess returns an opaque token.
func (t *tokens) sealAccess(x span, user string, g grant, padding string) (string, error) {
	return t.seal().token(accessKind, sealed{Span: x, User: user, Scopes: granted(g.scopes), Padding: padding})
}

// sign returns a JSON Web Token.
func (t *tokens) sign(x span, user string, g grant, padding string) (string, error) {
	signed := jwt.NewWithClaims(jwt.SigningMethodES256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.issuer(),
			Subject:   user,
			Audience:  jwt.ClaimStrings{t.audience()},
			ExpiresAt: jwt.NewNumericDate(x.expires().Add(time.Second)), // it has whole seconds; the ID is exact
			NotBefore: jwt.NewNumericDate(x.notBefore()),
			IssuedAt:  jwt.NewNumericDate(g.issued.Add(t.options.Skew)),
			ID:        x.id(),
		},
		Access:  granted(g.scopes),
		Padding: padding,
	})
	signer := t.key()
	signed.Header["kid"] = signer.id
	return signed.SignedString(signer.key)
}

// bearer returns the identity of the holder of a token.
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

// verify returns the identity and the scopes of a token, and counts its use.
func (t *tokens) verify(token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, tokenError{"is too long"}
	}
	if who, known, err := t.useKnown(token); known {
		return who, err
	}
	v, err := t.parse(token)
	if err != nil {
		return Identity{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.use(v.span); err != nil {
		return Identity{}, err
	}
	makeRoom(t.verified, maxVerified)
	t.verified[fingerprintOf(token)] = v
	return v.who, nil
}

// makeRoom deletes entries of a map, if there are most or more, so that one more has room.
func makeRoom[K comparable, V any](m map[K]V, most int) {
	for key := range m {
		if len(m) < most {
			return
		}
		delete(m, key)
	}
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
	if err := t.use(v.span); err != nil {
		return Identity{}, true, err
	}
	return v.who, true, nil
}

// tokenCharacters are those that a token can have (RFC 6750, 2.1). Decoders of
// base64 skip others.
const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

var errForeign = tokenError{"is not one of this registry"}

// parse verifies the seal of an opaque token, or the signature and the claims of a JSON
// Web Token.
func (t *tokens) parse(token string) (verified, error) {
	if t.options.Opaque {
		s, ok := t.seal().open(accessKind, token)
		if !ok {
			return verified{}, errForeign
		}
		return verified{s.Span, bearer(s.User, s.Scopes)}, nil
	}
	return t.parseJWT(token)
}

func (t *tokens) parseJWT(token string) (verified, error) {
	if strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(tokenCharacters, r) }) {
		return verified{}, errForeign
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return &t.key().key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}),
		jwt.WithAudience(t.audience()),
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
		return verified{}, errForeign // the error may quote it
	}
	x, ok := parseSpan(c.ID)
	if !ok {
		return verified{}, errForeign
	}
	return verified{x, bearer(c.Subject, c.Access)}, nil
}

// newRefresh issues a refresh token.
func (t *tokens) newRefresh(user string) (string, error) {
	t.mu.Lock()
	t.serial++
	x := span{Serial: t.serial}
	t.mu.Unlock()
	return t.seal().token(refreshKind, sealed{Span: x, User: user, Family: x.Serial})
}

// useRefresh returns the user of a refresh token, and the refresh token for the answer: the
// same, or the one that replaces it.
func (t *tokens) useRefresh(refresh string) (user, next string, ok bool) {
	if len(refresh) > maxToken {
		return "", "", false
	}
	s, ok := t.seal().open(refreshKind, refresh)
	if !ok || !t.useGeneration(s) {
		return "", "", false
	}
	if !t.options.RotateRefresh {
		return s.User, refresh, true
	}
	s.Generation++
	next, err := t.seal().token(refreshKind, s)
	return s.User, next, err == nil
}

// maxRotated limits the families of refresh tokens of which the generation is known.
const maxRotated = 10_000

// useGeneration reports whether a refresh token is valid, and makes those that it has replaced
// invalid.
func (t *tokens) useGeneration(s sealed) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isRevoked(s.Span) || s.Generation < t.rotated[s.Family] {
		return false
	}
	if s.Generation > 0 {
		makeRoom(t.rotated, maxRotated)
		t.rotated[s.Family] = s.Generation
	}
	return true
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
