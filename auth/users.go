package auth

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// users are the users with passwords.
type users struct {
	mu       sync.Mutex
	plain    map[string][sha256.Size]byte // hashes of passwords
	bcrypt   map[string][]byte
	verified map[string][sha256.Size]byte // passwords that bcrypt has verified, which is slow
	issued   map[string][]password        // passwords of Service.Password
}

type password struct {
	hash    [sha256.Size]byte
	expires time.Time // zero: never
}

func (p password) valid() bool { return p.expires.IsZero() || time.Now().Before(p.expires) }

const (
	byteOrderMark = "\ufeff" // written by some editors
	maxPassword   = 4 << 10  // bytes
	maxBcrypt     = 72       // bytes of a password that bcrypt uses
	bcryptHash    = 60       // bytes of a hash
	maxCost       = 17       // of a hash, the limit of htpasswd: some seconds
)

func newUsers(o *Options) (*users, error) {
	u := &users{
		plain:    map[string][sha256.Size]byte{},
		bcrypt:   map[string][]byte{},
		verified: map[string][sha256.Size]byte{},
		issued:   map[string][]password{},
	}
	for name, password := range o.Users {
		u.plain[name] = sha256.Sum256([]byte(password))
	}
	return u, u.readHtpasswd(o.Htpasswd)
}

// readHtpasswd reads lines of the form "name:hash". It skips empty lines and lines that begin
// with #. Errors contain no hashes.
func (u *users) readHtpasswd(text string) error {
	first := map[string]int{}
	lines := bufio.NewScanner(strings.NewReader(strings.TrimPrefix(text, byteOrderMark)))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, ok := strings.Cut(line, ":")
		if !ok || !validUser(name) {
			return fmt.Errorf("htpasswd: line %d: want name:hash", n)
		}
		if cost, err := bcrypt.Cost([]byte(hash)); err != nil || len(hash) != bcryptHash {
			return fmt.Errorf("htpasswd: line %d: user %s: only bcrypt hashes are taken: make them with htpasswd -B", n, name)
		} else if cost > maxCost {
			return fmt.Errorf("htpasswd: line %d: user %s: the cost of the hash is %d: want %d at most", n, name, cost, maxCost)
		}
		if first[name] > 0 {
			return fmt.Errorf("htpasswd: line %d: user %s is on line %d already", n, name, first[name])
		}
		first[name] = n
		u.bcrypt[name] = []byte(hash)
	}
	return lines.Err()
}

func validUser(name string) bool {
	return name != "" && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == ':' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
}

// hasControl reports whether a password contains an ASCII control character, which HTTP
// forbids (RFC 7617, section 2).
func hasControl(password string) bool {
	return strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// check reports whether a password is right. Its time does not depend on how much of the
// password is right.
func (u *users) check(name, given string) bool {
	if len(given) > maxPassword || hasControl(given) {
		return false
	}
	hash := sha256.Sum256([]byte(given))
	u.mu.Lock()
	want, known := u.plain[name]
	right := equal(want, hash) && known
	seen, verified := u.verified[name]
	right = equal(seen, hash) && verified || right
	for _, p := range u.issued[name] {
		right = equal(p.hash, hash) && p.valid() || right
	}
	slow := u.bcrypt[name]
	u.mu.Unlock()
	if right || slow == nil || len(given) > maxBcrypt {
		return right
	}
	if bcrypt.CompareHashAndPassword(slow, []byte(given)) != nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.verified[name] = hash
	return true
}

func equal(a, b [sha256.Size]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// issue returns a new password for a user.
func (u *users) issue(name string, ttl time.Duration) string {
	secret := rand.Text()
	p := password{hash: sha256.Sum256([]byte(secret))}
	if ttl > 0 {
		p.expires = time.Now().Add(ttl)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	valid := slices.DeleteFunc(u.issued[name], func(p password) bool { return !p.valid() })
	u.issued[name] = append(valid, p)
	return secret
}

// revoke removes the passwords of issue.
func (u *users) revoke() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.issued)
}
