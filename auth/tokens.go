package auth

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

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
	return t.key().sign(claims{
		Issuer:    t.issuer(),
		Subject:   user,
		Audience:  []string{t.audience()},
		ExpiresAt: x.expires().Unix() + 1, // it has whole seconds; the ID is exact
		NotBefore: x.notBefore().Unix(),
		IssuedAt:  g.issued.Add(t.options.Skew).Unix(),
		ID:        x.id(),
		Access:    granted(g.scopes),
		Padding:   padding,
	})
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
	c, ok := t.key().open(token)
	now := time.Now().Unix()
	switch {
	case !ok || c.ExpiresAt == 0 || c.Issuer != t.issuer() || !slices.Contains(c.Audience, t.audience()):
		return verified{}, errForeign
	case now >= c.ExpiresAt:
		return verified{}, tokenError{"has expired"}
	case now < c.NotBefore:
		return verified{}, tokenError{"is not valid yet"}
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
