package upstream

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
)

// handlePath begins the path of every handle, below the prefix of the API.
const handlePath = "/upstream/"

// kind is what the registry has named an address for.
type kind uint8

const (
	tokens   kind = iota + 1 // the realm of a challenge
	content                  // the target of a redirect, or where content was stored
	sessions                 // an upload session
	lists                    // the next page of a list
)

// lifetime returns the minimum validity of a handle. Clients keep a realm for as long as they run, and
// the others for one transfer.
func (k kind) lifetime() time.Duration {
	if k == tokens {
		return 24 * time.Hour
	}
	return 2 * time.Hour
}

// handle is an address that the registry has named.
type handle struct {
	Kind    kind   `json:"k"`
	URL     string `json:"u"`
	Like    string `json:"l"`           // path and query of the API with the same facts
	Hops    int    `json:"h,omitempty"` // redirects before it
	Expires int64  `json:"e"`           // Unix time
}

// maxURL is the maximum length of an address in bytes.
const maxURL = 8 << 10

// sealer makes opaque texts of handles. A text is the HMAC of the handle and the handle encrypted by
// AES-CTR, with the HMAC as the initial counter: a handle has one text, so that a client that keeps
// tokens by their realm finds them again, and a text that was not made here does not fit its HMAC.
type sealer struct {
	key    []byte // of the HMAC
	cipher cipher.Block
	now    func() time.Time
}

// newSealer returns a sealer with new keys.
func newSealer(now func() time.Time) *sealer {
	var keys [64]byte
	_, _ = rand.Read(keys[:]) // never fails, as documented
	block, err := aes.NewCipher(keys[32:])
	if err != nil {
		panic("upstream: " + err.Error()) // the key has a valid size
	}
	return &sealer{keys[:32], block, now}
}

const tagSize = aes.BlockSize

func (s *sealer) tag(text []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(text)
	return h.Sum(nil)[:tagSize]
}

// seal returns the text of a handle. It is the same for about the lifetime of the kind.
func (s *sealer) seal(h handle) string {
	step := h.Kind.lifetime()
	h.Expires = s.now().Truncate(step).Add(2 * step).Unix()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which would make each & of a query six bytes
	if err := e.Encode(h); err != nil {
		panic("upstream: " + err.Error()) // it has only strings and numbers
	}
	plain := b.Bytes()
	tag := s.tag(plain)
	sealed := make([]byte, tagSize+len(plain))
	copy(sealed, tag)
	cipher.NewCTR(s.cipher, tag).XORKeyStream(sealed[tagSize:], plain)
	return base64.RawURLEncoding.EncodeToString(sealed)
}

var (
	errHandle  = errors.New("this address was not handed out here since the last start: begin again from the registry's answer")
	errExpired = errors.New("this address has expired: begin again from the registry's answer")
)

// open returns the handle of a text, and its address.
func (s *sealer) open(text string) (h handle, at *url.URL, err error) {
	if len(text) > 4*maxURL || strings.ContainsAny(text, "\r\n") { // which base64 skips
		return h, nil, errHandle
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < tagSize {
		return h, nil, errHandle
	}
	tag, plain := sealed[:tagSize], make([]byte, len(sealed)-tagSize)
	cipher.NewCTR(s.cipher, tag).XORKeyStream(plain, sealed[tagSize:])
	if !hmac.Equal(tag, s.tag(plain)) || json.Unmarshal(plain, &h) != nil {
		return handle{}, nil, errHandle
	}
	if s.now().Unix() >= h.Expires {
		return handle{}, nil, errExpired
	}
	if at, err = url.Parse(h.URL); err != nil {
		return handle{}, nil, errHandle
	}
	return h, at, nil
}
