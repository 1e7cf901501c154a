package redact

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// Text redacts a header value, a URL, a request target, or any other text: the users of URLs, the
// values of secret parameters, and signed tokens, wherever they are, even if they are
// percent-encoded several times. The rest does not change.
func (r Redactor) Text(s string) string { return r.text(s, false) }

// DecodedText is Text for a value whose percent-encoding was undone, such as that of a parameter.
// Nothing shows whether a separator in it was part of a secret, so a secret value extends to the end,
// and a password to the host.
func (r Redactor) DecodedText(s string) string { return r.text(s, true) }

func (r Redactor) text(s string, toEnd bool) string {
	if strings.IndexByte(s, '=') < 0 && strings.IndexByte(s, '@') < 0 && strings.IndexByte(s, '%') < 0 && !strings.Contains(s, jwtStart) {
		return s
	}
	v, ok := decodeAll(s)
	if !ok {
		return r.replacement(secret, s)
	}
	v.text = masked(v.text)
	found := finding{view: v, redactor: r, original: s, toEnd: toEnd}
	found.users()
	users := found.secrets
	found.parameters()
	found.bareUsers(users)
	found.tokens()
	return found.replaced()
}

// DecodedTexts returns a redacted copy of the texts.
func (r Redactor) DecodedTexts(texts []string) []string {
	clean := slices.Clone(texts)
	for i, s := range clean {
		clean[i] = r.DecodedText(s)
	}
	return clean
}

// finding collects where secrets are in a view.
type finding struct {
	view
	redactor Redactor
	original string // of which this is a view
	toEnd    bool   // no character ends a secret: not that of a parameter, nor a password before a host
	secrets  []secretAt
	values   []span // of the parameters among the secrets, in order, with their schemes
}

// span is a part of a view, by offsets.
type span struct{ from, to int }

// secretAt is a secret, by offsets in the view.
type secretAt struct {
	from, to int
	with     string // the placeholder
}

func (f *finding) add(from, to int, with string) {
	if from < to {
		f.secrets = append(f.secrets, secretAt{from, to, with})
	}
}

// decoded returns a part of the original, given by its offsets in the view, with its percent-encoding
// undone as often as a number says.
func (f *finding) decoded(from, to int, times uint8, form bool) string {
	return unescape(f.original[f.origin(from):f.origin(to)], int(times), form)
}

// replaced returns the original with placeholders.
func (f *finding) replaced() string {
	s := f.original
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
		start := strings.LastIndexAny(f.text[at:equals], beforeName) + 1 + at
		kind := kindOf(f.text[start:equals])
		at = equals + 1
		if to := f.parameter(kind, start, at); to > at {
			at = to
		}
	}
}

// parameter finds the secret value of a parameter whose name and value begin at two offsets, and
// returns the end of the value, or 0 if it has no secret.
func (f *finding) parameter(kind string, name, at int) (to int) {
	depth, form := f.depthAt(at-1), name == 0 || strings.IndexByte("?&#", f.text[name-1]) >= 0
	from, ends, times := at, afterValue, depth+1
	for from < len(f.text) && (f.text[from] == '"' || f.text[from] == '\\') {
		from++
	}
	switch quoted := from > at; {
	case !quoted:
	case f.depthAt(at) <= depth:
		ends, times, form = `"`, depth, false
	case kind != "": // what is encoded is part of the value
		from = at
	default:
		depth = f.depthAt(at)
	}
	scheme := f.scheme(kind, from, depth, form)
	if kind == "" && scheme == "" {
		return 0
	}
	if scheme != "" {
		from += len(scheme) + 1
	}
	if to = len(f.text); kind == "" || !f.toEnd {
		to = f.valueEnd(from, ends, depth)
	}
	if value := f.text[from:to]; kind != "" && harmlessValue(value) || kind == "" && !isToken68(value) {
		return 0
	}
	f.values = append(f.values, span{at, to})
	original := f.decoded(from, to, times, form)
	if scheme != "" {
		f.add(from, to, f.redactor.credentials(scheme, original))
	} else {
		f.add(from, to, f.redactor.replacement(kind, original))
	}
	return to
}

// scheme returns the scheme of credentials that begin at an offset, which the value of a parameter of
// that kind may have.
func (f *finding) scheme(kind string, at int, depth uint8, form bool) string {
	if kind == password {
		return ""
	}
	scheme := Scheme(f.text[at:])
	end := at + len(scheme)
	if kind != "" && scheme != "" && f.text[end] == '+' && (!form || f.depthAt(end) > depth) {
		return "" // this plus is not a space
	}
	return scheme
}

// valueEnd returns where a value ends. What separates it from what follows is
// encoded no more often than the equals sign before it.
func (f *finding) valueEnd(from int, ends string, depth uint8) int {
	to := f.next(from, ends, depth)
	for to > from && f.text[to-1] == '\\' && f.depthAt(to-1) <= depth {
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
				if f.toEnd {
					space = len(f.text)
				}
			}
			if sign < space {
				end = f.next(sign, afterHost, depth)
			}
		}
		if i := strings.LastIndexByte(f.text[at:end], '@'); i >= 0 {
			f.add(at, at+i, inUser(f.user(at, f.colon(at, at+i, depth), at+i, depth)))
			at += i
		}
	}
}

// colon returns the offset of the first colon between two offsets that is not encoded more often than
// a depth; or the second offset.
func (f *finding) colon(from, to int, depth uint8) int {
	for from < to && (f.text[from] != ':' || f.depthAt(from) > depth) {
		from++
	}
	return from
}

// user returns the placeholder of a user, with a password if there is a colon before the end.
func (f *finding) user(from, colon, to int, depth uint8) string {
	if colon == to {
		return f.redactor.userPassword(f.decoded(from, to, depth+1, false), "", false)
	}
	return f.redactor.userPassword(f.decoded(from, colon, depth+1, false), f.decoded(colon+1, to, depth+1, false), true)
}

// isHostPort reports whether a text may be a host with or without a port.
func isHostPort(s string) bool {
	host, port, _ := strings.Cut(s, ":")
	return strings.Trim(port, "0123456789") == "" || strings.HasPrefix(host, "[")
}

// bareUsers finds user:password in front of a host without a scheme, as in the target of CONNECT. It
// is given what users has found.
func (f *finding) bareUsers(users []secretAt) {
	for at := 0; ; {
		i := strings.IndexByte(f.text[at:], '@')
		if i < 0 {
			return
		}
		i = f.lastSign(at + i)
		from := f.userStart(at, i)
		at = i + 1
		if _, ok := slices.BinarySearchFunc(users, i, func(u secretAt, sign int) int { return cmp.Compare(u.to, sign) }); ok || f.inValue(from, i) {
			continue
		}
		user, _, ok := strings.Cut(f.text[from:i], ":")
		if ok && !slices.Contains(noUsers, strings.ToLower(user)) && !isDigest(f.text[at:]) {
			colon := f.colon(from, i, f.depthAt(i))
			if colon == i { // it is encoded, as the value of a parameter
				colon = from + len(user)
			}
			f.add(from, i, f.user(from, colon, i, f.depthAt(i)))
		}
	}
}

// lastSign returns the last of several at signs in front of a host: those before it are part of a
// password, and are possibly encoded more often.
func (f *finding) lastSign(i int) int {
	for {
		next := strings.IndexByte(f.text[i+1:], '@')
		if next < 0 {
			return i
		}
		next += i + 1
		if depth := f.depthAt(next); depth > f.depthAt(i) || f.previous(i+1, next, afterHost, depth) > i+1 {
			return i
		}
		i = next
	}
}

// inValue reports whether a part of the view is in the secret value of a parameter.
func (f *finding) inValue(from, to int) bool {
	i, _ := slices.BinarySearchFunc(f.values, from+1, func(v span, from int) int { return cmp.Compare(v.from, from) })
	return i > 0 && to <= f.values[i-1].to
}

// noUsers stand before a colon and an address, and are no users.
var noUsers = []string{"acct", "mailto", "sip", "sips", "xmpp"}

// userStart returns where user:password begins that ends at an offset.
func (f *finding) userStart(least, end int) int {
	depth := f.depthAt(end)
	from := least
	if !f.toEnd {
		from = f.previous(least, end, beforeUser, depth)
	}
	for from > least && f.text[from-1] == '/' && !strings.Contains(f.text[from:end], ":") && !strings.HasPrefix(f.text[from:end], placeholder[:len(placeholder)-1]) {
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
		f.add(from, at, f.redactor.replacement(token, f.text[from:at]))
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
