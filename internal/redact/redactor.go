package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/maphash"
	"sync"
	"sync/atomic"
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
	var recent [64]atomic.Pointer[computed]
	seed := maphash.MakeSeed()
	return Redactor{func(secret string) string {
		sum := maphash.String(seed, secret)
		place := &recent[sum%uint64(len(recent))]
		if c := place.Load(); c != nil && c.sum == sum {
			return c.fingerprint
		}
		h := hashes.Get().(hash.Hash)
		defer hashes.Put(h)
		h.Reset()
		h.Write([]byte(secret))
		var mac [sha256.Size]byte
		c := &computed{sum, hex.EncodeToString(h.Sum(mac[:0])[:fingerprintDigits/2])}
		place.Store(c)
		return c.fingerprint
	}}
}

// computed is a fingerprint that was computed lately: clients send a token again and again. It has a
// hash of the secret rather than the secret.
type computed struct {
	sum         uint64
	fingerprint string
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
