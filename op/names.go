package op

import (
	_ "crypto/sha256" // both make the algorithms available to go-digest
	_ "crypto/sha512"
	"strings"

	"github.com/opencontainers/go-digest"
)

const (
	maxRepository = 255 // octets, so that the name is shorter than 256
	maxTag        = 128 // octets
)

// ValidRepository reports whether name matches the specification's
//
//	[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
//
// and is shorter than 256 octets ("Pulling manifests").
func ValidRepository(name string) bool {
	if len(name) > maxRepository {
		return false
	}
	for component := range strings.SplitSeq(name, "/") {
		if !validComponent(component) {
			return false
		}
	}
	return true
}

func validComponent(s string) bool {
	for i := 0; ; {
		word := i
		for i < len(s) && isWord(s[i]) {
			i++
		}
		if i == word {
			return false
		}
		if i == len(s) {
			return true
		}
		separator := i
		for i < len(s) && !isWord(s[i]) {
			i++
		}
		if !validSeparator(s[separator:i]) {
			return false
		}
	}
}

func isWord(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func validSeparator(s string) bool {
	return s == "." || s == "_" || s == "__" || strings.Trim(s, "-") == ""
}

// ValidTag reports whether tag matches the specification's
// [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} ("Pulling manifests").
func ValidTag(tag string) bool {
	if tag == "" || len(tag) > maxTag {
		return false
	}
	for i := range len(tag) {
		c := tag[i]
		if isWord(c) || 'A' <= c && c <= 'Z' || c == '_' || i > 0 && (c == '.' || c == '-') {
			continue
		}
		return false
	}
	return true
}

// ValidDigest reports whether d is a digest that the registry can check: sha256
// or sha512 with a lower-case hexadecimal part of the right length (image
// specification, "Digests").
func ValidDigest(d digest.Digest) bool {
	algorithm, encoded, ok := strings.Cut(string(d), ":")
	if !ok || !ValidAlgorithm(digest.Algorithm(algorithm)) || len(encoded) != 2*digest.Algorithm(algorithm).Size() {
		return false
	}
	for i := range len(encoded) {
		if c := encoded[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ValidAlgorithm reports whether the registry supports digests with the algorithm: sha256 and
// sha512, which the image specification registers.
func ValidAlgorithm(a digest.Algorithm) bool {
	return a == digest.SHA256 || a == digest.SHA512
}
