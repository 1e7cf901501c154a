package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// claims are those of a JSON Web Token (RFC 7519), with Access of the Docker token specification.
// Times are in seconds since 1970.
type claims struct {
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	NotBefore int64    `json:"nbf,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	ID        string   `json:"jti,omitempty"`
	Access    []Scope  `json:"access"`
	Padding   string   `json:"padding,omitempty"`
}

const (
	es256     = "ES256" // RFC 7518, 3.4
	es256Half = 32      // bytes of each half of a signature, and of each coordinate of its key
)

// jwtText is the encoding of the parts of a token. It is strict, so that one token has one text.
var jwtText = base64.RawURLEncoding.Strict()

// signer signs JSON Web Tokens with a key of its own.
type signer struct {
	key    *ecdsa.PrivateKey
	id     string
	header string // of each token, encoded
}

func newSigner() *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("auth: cannot generate a key: %w", err))
	}
	id := rand.Text() // letters and digits
	return &signer{key, id, jwtText.EncodeToString([]byte(`{"alg":"` + es256 + `","kid":"` + id + `","typ":"JWT"}`))}
}

// sign returns the token of some claims.
func (s *signer) sign(c claims) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	token := s.header + "." + jwtText.EncodeToString(text)
	sum := sha256.Sum256([]byte(token))
	x, y, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [2 * es256Half]byte
	x.FillBytes(signature[:es256Half])
	y.FillBytes(signature[es256Half:])
	return token + "." + jwtText.EncodeToString(signature[:]), nil
}

// open returns the claims of a token that sign has made.
func (s *signer) open(token string) (c claims, ok bool) {
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return c, false
	}
	header, payload, _ := strings.Cut(token[:dot], ".")
	signature, err := jwtText.DecodeString(token[dot+1:])
	if err != nil || header != s.header || len(signature) != 2*es256Half {
		return c, false
	}
	sum := sha256.Sum256([]byte(token[:dot]))
	x, y := new(big.Int).SetBytes(signature[:es256Half]), new(big.Int).SetBytes(signature[es256Half:])
	if !ecdsa.Verify(&s.key.PublicKey, sum[:], x, y) {
		return c, false
	}
	text, err := jwtText.DecodeString(payload)
	return c, err == nil && json.Unmarshal(text, &c) == nil
}

// keySet is the JSON Web Key Set (RFC 7517) with the key that verifies tokens.
func (s *signer) keySet() (map[string]any, error) {
	raw, err := s.key.PublicKey.Bytes() // 4, then both coordinates
	if err != nil {
		return nil, err
	}
	return map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "use": "sig", "alg": es256, "crv": "P-256", "kid": s.id,
		"x": jwtText.EncodeToString(raw[1 : 1+es256Half]),
		"y": jwtText.EncodeToString(raw[1+es256Half:]),
	}}}, nil
}
