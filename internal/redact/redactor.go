package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// Redactor replaces secrets by placeholders. The zero value writes "[redacted]" for every secret. It
// is safe for concurrent use.
type Redactor struct {
	// fingerprint has the key as a variable of a closure, which no printer shows, however deep
	// it follows pointers. It is nil without a key.
	fingerprint func(secret string) string
}

// New returns a redactor with a random key.
func New() Redactor {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return withKey(key)
}

func withKey(key []byte) Redactor {
	hashes := sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}
	return Redactor{func(secret string) string {
		h := hashes.Get().(hash.Hash)
		defer hashes.Put(h)
		h.Reset()
		h.Write([]byte(secret))
		var sum [sha256.Size]byte
		return hex.EncodeToString(h.Sum(sum[:0])[:fingerprintDigits/2])
	}}
}

// HasKey reports whether the redactor writes fingerprints.
func (r Redactor) HasKey() bool { return r.fingerprint != nil }

// replacement returns the placeholder of a secret, or the secret itself if it is a placeholder.
func (r Redactor) replacement(kind, secret string) string {
	switch {
	case isPlaceholder(secret):
		return secret
	case r.fingerprint == nil:
		return placeholder
	}
	return placeholderStart + kind + ":" + r.fingerprint(secret) + "]"
}
