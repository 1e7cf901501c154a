package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// sealed is the content of an opaque token.
type sealed struct {
	Span   span    `json:"s"`
	User   string  `json:"u,omitempty"`
	Scopes []Scope `json:"a,omitempty"`

	// Of a refresh token that is replaced each time it is used.
	Family     uint64 `json:"f,omitempty"` // serial number of the first one
	Generation int    `json:"g,omitempty"`

	Padding string `json:"p,omitempty"`
}

// The kinds of sealed tokens. One kind is not accepted as the other.
const (
	accessKind  = "access"
	refreshKind = "refresh"
)

// sealer encrypts and authenticates tokens with its own key.
type sealer struct{ aead cipher.AEAD }

func newSealer() *sealer {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Errorf("auth: cannot make a cipher: %w", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Errorf("auth: cannot make a cipher: %w", err))
	}
	return &sealer{aead}
}

// token returns the text of a token with the content.
func (s *sealer) token(kind string, content sealed) (string, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(kind))), nil
}

// open decrypts a token of the sealer. Each token has exactly one text.
func (s *sealer) open(kind, token string) (content sealed, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(token) { // the decoder skips line ends
		return sealed{}, false
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(kind))
	if err != nil || json.Unmarshal(plain, &content) != nil {
		return sealed{}, false
	}
	return content, true
}
