package record

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/internal/redact"
)

// names replaces what differs from one recording to the next.
type names struct {
	hosts map[string]bool      // that requests were for, in lower case
	given map[[2]string]string // by kind and value
	count map[string]int       // of the names given, by kind
}

func newNames(l Log) *names {
	n := &names{hosts: map[string]bool{}, given: map[[2]string]string{}, count: map[string]int{}}
	for i := range l {
		n.hosts[strings.ToLower(l[i].Host)] = true
	}
	return n
}

// name returns the name of a value, a new one at its first appearance.
func (n *names) name(kind, value string) string {
	key := [2]string{kind, value}
	if n.given[key] == "" {
		n.count[kind]++
		n.given[key] = "<" + kind + "-" + strconv.Itoa(n.count[kind]) + ">"
	}
	return n.given[key]
}

const digestPattern = `(sha256|sha512)(:|%3[aA]|-)([0-9a-f]{64,128})`

// What no program pays for that writes no transcript.
var (
	digestText = pattern.Regexp(digestPattern)

	// unstable is what may have to be replaced; see the groups below.
	unstable = pattern.Regexp(digestPattern +
		`|(/blobs/uploads/)([^/?#"<>\s]+)` +
		`|(https?://)([^/?#"<>,;\s]+)` +
		`|([?&])([^=&#"<>\s]+)=([^&#"<>\s]*)` +
		`|((?:\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+)(?::|%3[aA])[0-9]{1,5})` +
		`|(/upstream/)([0-9A-Za-z_-]{32,})`)

	loopback = pattern.Regexp(`\A(127\.[0-9.]+|localhost|\[::1\]):[0-9]+\z`)
	kindText = pattern.Regexp(`\A[a-z][a-z0-9-]*\z`)
)

// stableParameters are those of the specification and of token services, but for
// _state. Their values are the client's.
var stableParameters = []string{
	"account", "artifactType", "client_id", "digest", "digest-algorithm", "from", "grant_type", "last", "mount", "n", "ns",
	"offline_token", "scope", "service", "tag",
}

// replace returns the text with names in it, and without fingerprints of secrets.
func (n *names) replace(text string) string {
	text = redact.Plain(text)
	var stable strings.Builder
	end := 0
	for _, at := range unstable().FindAllStringSubmatchIndex(text, -1) {
		stable.WriteString(text[end:at[0]])
		stable.WriteString(n.replaceMatch(text[at[0]:at[1]], func(group int) string {
			if at[2*group] < 0 {
				return ""
			}
			return text[at[2*group]:at[2*group+1]]
		}))
		end = at[1]
	}
	return stable.String() + text[end:]
}

// replaceMatch replaces a match of unstable, given its groups.
func (n *names) replaceMatch(match string, group func(int) string) string {
	switch {
	case group(1) != "":
		name := n.name("digest", group(1)+":"+group(3))
		if group(2) == "-" { // a tag made of a digest
			return group(1) + "-" + name
		}
		return name
	case group(4) != "":
		return group(4) + n.name("session", group(5))
	case group(6) != "":
		return group(6) + n.name("host", strings.ToLower(group(7)))
	case group(12) != "":
		return group(12) + n.name("handle", group(13))
	case group(8) != "":
		return group(8) + group(9) + "=" + n.parameter(group(9), group(10))
	}
	host := strings.ToLower(match)
	host = strings.ReplaceAll(host, "%3a", ":")
	if n.hosts[host] || loopback().MatchString(host) {
		return n.name("host", host)
	}
	return match
}

func (n *names) parameter(name, value string) string {
	if slices.Contains(stableParameters, name) {
		return n.replace(value)
	}
	if value == "" {
		return ""
	}
	kind := strings.Trim(strings.ToLower(name), "_")
	if kind = strings.ReplaceAll(kind, "_", "-"); !kindText().MatchString(kind) {
		kind = "value"
	}
	if bare, err := url.QueryUnescape(value); err == nil {
		value = bare
	}
	return n.name(kind, value)
}
