package auth

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

// Life is how a token lives, other than [TokenOptions] says.
type Life struct {
	TTL       time.Duration // 0: as the options say
	Uses      int           // requests that it is good for; 0: without limit
	NotBefore time.Duration // so long after it was given out it is not valid yet
}

// tokens are those that the token service gives out.
type tokens struct {
	options TokenOptions
	key     func() *signer // made when it is first needed

	mu       sync.Mutex
	serial   uint64 // of the latest token
	lives    []Life // of the next ones
	states   map[uint64]*state
	verified map[string]verified // tokens whose signature was right; of opaque ones, all
	refresh  map[string]string   // refresh token to user
}

// state is what is known of a token that may still be valid.
type state struct {
	notBefore, expires time.Time
	uses               int // left; negative: without limit
}

type verified struct {
	serial uint64
	who    Identity
}

const (
	maxStates  = 100_000 // tokens; beyond it, those that have expired are forgotten
	maxRefresh = 10_000
)

type signer struct {
	key *ecdsa.PrivateKey
	id  string
}

func newTokens(options TokenOptions) *tokens {
	return &tokens{
		options:  options,
		key:      sync.OnceValue(newSigner),
		states:   map[uint64]*state{},
		verified: map[string]verified{},
		refresh:  map[string]string{},
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
		t.verified[g.token] = verified{serial, Identity{user, "Bearer", granted(scopes)}}
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
			ID:        strconv.FormatUint(serial, 10) + "." + rand.Text(),
		},
		Access: granted(scopes),
	})
	signer := t.key()
	signed.Header["kid"] = signer.id
	var err error
	g.token, err = signed.SignedString(signer.key)
	return g, err
}

// granted is not nil: a token that allows nothing is one.
func granted(scopes []Scope) []Scope { return append([]Scope{}, scopes...) }

// begin begins the life of a token.
func (t *tokens) begin() (uint64, Life, *state) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var life Life
	if len(t.lives) > 0 {
		life, t.lives = t.lives[0], t.lives[1:]
	}
	life.TTL = cmp.Or(life.TTL, t.options.TTL, defaultTTL)
	from := time.Now().Add(t.options.Skew)
	s := &state{notBefore: from.Add(life.NotBefore), expires: from.Add(life.NotBefore + life.TTL), uses: cmp.Or(life.Uses, -1)}
	if len(t.states) >= maxStates {
		t.forget()
	}
	t.serial++
	t.states[t.serial] = s
	return t.serial, life, s
}

// forget forgets the tokens that have expired; if none have, all. t.mu is held.
func (t *tokens) forget() {
	before := len(t.states)
	for serial, s := range t.states {
		if !time.Now().Before(s.expires) {
			delete(t.states, serial)
		}
	}
	if len(t.states) == before {
		clear(t.states)
	}
	for token, v := range t.verified {
		if t.states[v.serial] == nil {
			delete(t.verified, token)
		}
	}
}

// errToken is wrapped by all that can be wrong with a token itself.
var errToken = errors.New("invalid token")

type tokenError struct{ reason string }

func (e tokenError) Error() string   { return "the token " + e.reason + ": get a new one" }
func (e tokenError) Unwrap() []error { return []error{errToken, registry.Unauthorized} }

// maxToken bounds what is parsed, in bytes.
const maxToken = 64 << 10

// verify tells who a token is for, and what it allows, and counts its use.
func (t *tokens) verify(token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, tokenError{"is too long"}
	}
	t.mu.Lock()
	v, known := t.verified[token]
	t.mu.Unlock()
	if !known {
		if t.options.Opaque {
			return Identity{}, tokenError{"is not one of this registry, or was revoked"}
		}
		var err error
		if v, err = t.parse(token); err != nil {
			return Identity{}, err
		}
	}
	return v.who, t.use(token, v)
}

// parse verifies the signature and the claims of a JSON Web Token.
func (t *tokens) parse(token string) (verified, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return &t.key().key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}),
		jwt.WithAudience(t.service()),
		jwt.WithIssuer(t.issuer()),
		jwt.WithExpirationRequired(),
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
	return verified{serial, Identity{c.Subject, "Bearer", granted(c.Access)}}, nil
}

// use counts the use of a token whose signature is right.
func (t *tokens) use(token string, v verified) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := t.states[v.serial], time.Now()
	switch {
	case s == nil:
		return tokenError{"was revoked"}
	case now.Before(s.notBefore):
		return tokenError{"is not valid yet"}
	case !now.Before(s.expires), s.uses == 0:
		return tokenError{"has expired"}
	}
	s.uses = max(s.uses-1, -1)
	t.verified[token] = v
	return nil
}

func (t *tokens) revokeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.states)
	clear(t.verified)
	clear(t.refresh)
}

func (t *tokens) next(lives []Life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lives = append(t.lives, lives...)
}

// newRefresh gives out a refresh token.
func (t *tokens) newRefresh(user string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.refresh) >= maxRefresh {
		clear(t.refresh)
	}
	token := rand.Text() + rand.Text()
	t.refresh[token] = user
	return token
}

func (t *tokens) userOf(refresh string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	user, ok := t.refresh[refresh]
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
