package redact

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

const (
	// placeholder stands in the place of a secret.
	placeholder = "[redacted]"

	// placeholderUser stands in the place of the user of a URL, which a bracket would
	// make invalid.
	placeholderUser = "%5Bredacted%5D"
)

// Text takes the secrets out of a header value, a URL, a request target, or any other
// text: the users of URLs, the values of secret parameters, and signed tokens,
// wherever they are, even if they are percent-encoded several times. The rest does not
// change.
func Text(s string) string {
	if strings.IndexByte(s, '=') < 0 && strings.IndexByte(s, '@') < 0 && strings.IndexByte(s, '%') < 0 && !strings.Contains(s, jwtStart) {
		return s
	}
	v, ok := decodeAll(s)
	if !ok {
		return placeholder
	}
	found := finding{view: v}
	found.users()
	found.bareUsers()
	found.parameters()
	found.tokens()
	return found.replaceIn(s)
}

// Texts returns a copy of the texts without their secrets.
func Texts(texts []string) []string {
	clean := slices.Clone(texts)
	for i, s := range clean {
		clean[i] = Text(s)
	}
	return clean
}

// Redacted reports whether a secret was taken out of a text.
func Redacted(s string) bool {
	return strings.Contains(s, placeholder) || strings.Contains(s, placeholderUser)
}

// finding collects where secrets are in a view.
type finding struct {
	view
	secrets []secretAt
}

// secretAt is a secret, by offsets in the view.
type secretAt struct {
	from, to int
	with     string // replacement
}

func (f *finding) add(from, to int, with string) {
	if from < to {
		f.secrets = append(f.secrets, secretAt{from, to, with})
	}
}

// replaceIn returns the text of which f is a view, without the secrets.
func (f *finding) replaceIn(s string) string {
	if len(f.secrets) == 0 {
		return s
	}
	sort.Slice(f.secrets, func(i, j int) bool {
		a, b := f.secrets[i], f.secrets[j]
		return a.from < b.from || a.from == b.from && a.to > b.to
	})
	var out strings.Builder
	kept := 0
	for _, secret := range f.secrets {
		from, to := f.origin(secret.from), f.origin(secret.to)
		if to <= kept {
			continue
		}
		if from >= kept {
			out.WriteString(s[kept:from])
			out.WriteString(secret.with)
		}
		kept = to
	}
	out.WriteString(s[kept:])
	return out.String()
}

// Characters that separate parts of a text.
const (
	beforeName = "?&#;, \t\r\n\"'<>/(){}|="
	afterValue = "&# \t\r\n\"<>"
	afterHost  = "/?#\\ \t\r\n\"'<>,;&(){}|"
	beforeUser = "/?&# \t\r\n\"'<>(){}|,;"
)

// parameters finds the values of pairs name=value whose name says that they are
// secret, and the credentials with a scheme among the other values.
func (f *finding) parameters() {
	for at := 0; at < len(f.text); {
		equals := strings.IndexByte(f.text[at:], '=')
		if equals < 0 {
			return
		}
		equals += at
		name := f.text[strings.LastIndexAny(f.text[at:equals], beforeName)+1+at : equals]
		at = equals + 1
		from := at
		for from < len(f.text) && (f.text[from] == '"' || f.text[from] == '\\') {
			from++
		}
		secret, ends := secretName(name), afterValue
		scheme := Scheme(f.text[from:])
		if !secret && scheme == "" {
			continue
		}
		if from > at {
			ends = `"` // it is quoted
		}
		if scheme != "" {
			from += len(scheme) + 1
		}
		to := f.valueEnd(from, ends, f.depthAt(equals))
		if value := f.text[from:to]; secret && !harmlessValue(value) || !secret && isToken68(value) {
			f.add(from, to, placeholder)
			at = to
		}
	}
}

// valueEnd returns where a value ends. What separates it from what follows is
// encoded no more often than the equals sign before it.
func (f *finding) valueEnd(from int, ends string, depth uint8) int {
	to := f.next(from, ends, depth)
	for to > from && f.text[to-1] == '\\' {
		to--
	}
	return to
}

// users finds the user in front of the host of each URL.
func (f *finding) users() {
	sign, space := -1, -1 // the next of each behind at
	for at := 0; ; {
		slashes := strings.Index(f.text[at:], "//")
		if slashes < 0 {
			return
		}
		at += slashes + len("//")
		if sign < at {
			if sign = strings.IndexByte(f.text[at:], '@'); sign < 0 {
				return
			}
			sign += at
		}
		depth := max(f.depthAt(at-2), f.depthAt(at-1))
		end := f.next(at, afterHost, depth)
		if end <= sign && !isHostPort(f.text[at:end]) {
			// A password may hold what should be encoded.
			if space < at {
				space = f.next(at, " \t\r\n\"<>", maxDepth)
			}
			if sign < space {
				end = f.next(sign, afterHost, depth)
			}
		}
		if i := strings.LastIndexByte(f.text[at:end], '@'); i >= 0 {
			f.add(at, at+i, placeholderUser)
			at += i
		}
	}
}

// isHostPort reports whether a text may be a host with or without a port.
func isHostPort(s string) bool {
	host, port, _ := strings.Cut(s, ":")
	return strings.Trim(port, "0123456789") == "" || strings.HasPrefix(host, "[")
}

// bareUsers finds user:password in front of a host without a scheme, as in the
// target of CONNECT.
func (f *finding) bareUsers() {
	users := f.secrets // of URLs, in order
	for at := 0; ; {
		i := strings.IndexByte(f.text[at:], '@')
		if i < 0 {
			return
		}
		i += at
		from := f.userStart(at, i)
		at = i + 1
		if _, ok := slices.BinarySearchFunc(users, i, func(u secretAt, sign int) int { return cmp.Compare(u.to, sign) }); ok {
			continue
		}
		user, _, ok := strings.Cut(f.text[from:i], ":")
		if ok && !slices.Contains(noUsers, strings.ToLower(user)) && !isDigest(f.text[at:]) {
			f.add(from, i, placeholder)
		}
	}
}

// noUsers stand before a colon and an address, and are no users.
var noUsers = []string{"acct", "mailto", "sip", "sips", "xmpp"}

// userStart returns where user:password begins that ends at an offset.
func (f *finding) userStart(least, end int) int {
	depth := f.depthAt(end)
	from := f.previous(least, end, beforeUser, depth)
	for from > least && f.text[from-1] == '/' && !strings.Contains(f.text[from:end], ":") {
		// What precedes the slash is no host, but the password's beginning, if it has
		// a colon and no port.
		further := f.previous(least, from-1, beforeUser, depth)
		if isHostPort(f.text[further : from-1]) {
			break
		}
		from = further
	}
	// An equals sign may be part of the password, but not of the user.
	user := f.text[from:end]
	if colon := strings.IndexByte(user, ':'); colon >= 0 {
		from += strings.LastIndexByte(user[:colon], '=') + 1
	}
	return from
}

// isDigest reports whether a text begins with a digest.
func isDigest(s string) bool {
	algorithm, encoded, ok := strings.Cut(s, ":")
	const digits = 32
	return ok && len(algorithm) <= len("multihash+base58") && len(encoded) >= digits &&
		strings.Trim(encoded[:digits], "0123456789abcdef") == ""
}

const jwtStart = "eyJ"

// tokens finds signed tokens (JWT), by their form.
func (f *finding) tokens() {
	for at := 0; ; {
		i := strings.Index(f.text[at:], jwtStart)
		if i < 0 {
			return
		}
		from := at + i
		at = tokenEnd(f.text, from)
		if !strings.HasPrefix(f.text[at:], "."+jwtStart) {
			continue
		}
		for at < len(f.text) && f.text[at] == '.' {
			at = tokenEnd(f.text, at+1)
		}
		f.add(from, at, placeholder)
	}
}

// tokenEnd returns where characters of base64url that begin at an offset end.
func tokenEnd(s string, at int) int {
	for at < len(s) {
		if c := s[at]; c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		at++
	}
	return at
}
