package replay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ocifake/ocifake/profiles"
)

// StandIn is a host name for which a registry of ours stands in.
type StandIn struct {
	Name    string // in lower case
	Port    string // the only one that leads to the registry; empty: 80 and 443
	Profile string // name or file; empty: strict
}

// String returns the text that ParseStandIns reads.
func (h StandIn) String() string {
	text := h.Name
	if h.Port != "" {
		text = net.JoinHostPort(h.Name, h.Port)
	}
	if h.Profile != "" {
		text += "=" + h.Profile
	}
	return text
}

// maxStandIns is the maximum number of hosts in one text.
const maxStandIns = 1000

// ParseStandIns parses hosts, separated by commas, each with an optional port and profile:
// "docker.io=hub,ghcr.io=ghcr,registry.example:5000".
func ParseStandIns(text string) ([]StandIn, error) {
	parts := strings.Split(text, ",")
	if len(parts) > maxStandIns {
		return nil, fmt.Errorf("want at most %d hosts", maxStandIns)
	}
	var hosts []StandIn
	for _, part := range parts {
		name, profile, given := strings.Cut(strings.TrimSpace(part), "=")
		if given && profile == "" {
			return nil, fmt.Errorf("%q: want HOST=PROFILE, or HOST for the strict registry", part)
		}
		h := StandIn{Profile: profile}
		var err error
		if h.Name, h.Port, err = parseName(name); err != nil {
			return nil, fmt.Errorf("host %q: %w", name, err)
		}
		if isLocal(h.Name) {
			return nil, fmt.Errorf("host %q: programs reach this machine without a proxy: use another name", name)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// Distinct returns an error if a name is there twice.
func Distinct(hosts []StandIn) error {
	for i, h := range hosts {
		if slices.ContainsFunc(hosts[:i], func(other StandIn) bool { return other.Name == h.Name }) {
			return fmt.Errorf("host %s is there twice: a name leads to one registry", h.Name)
		}
	}
	return nil
}

// Aliases returns patterns of other names that lead to the registry of the host: those of its
// profile, and those of Docker Hub for each of them.
func (h StandIn) Aliases(profile *profiles.Profile) []string {
	if profile != nil {
		return profile.Hosts
	}
	if hub, err := profiles.Find("dockerhub"); err == nil && slices.Contains(hub.Hosts, h.Name) {
		return hub.Hosts
	}
	return nil
}

// Serves reports whether a port of the host leads to its registry.
func (h StandIn) Serves(port string) bool {
	if h.Port == "" {
		return port == "80" || port == "443"
	}
	return port == h.Port
}

// Passed is a pattern of real hosts to which tunnels are passed on.
type Passed struct {
	name string // with a leading "." for the names below
	port string
}

// ParsePassed parses HOST, *.DOMAIN, HOST:PORT or *.DOMAIN:PORT. The default port is 443.
func ParsePassed(text string) (Passed, error) {
	domain, below := strings.CutPrefix(text, "*.")
	name, port, err := parseName(domain)
	switch {
	case err != nil && strings.Contains(text, "*"):
		return Passed{}, fmt.Errorf("%q: want HOST, or *.DOMAIN for all hosts below a domain", text)
	case err != nil:
		return Passed{}, fmt.Errorf("%q: %w", text, err)
	case port == "":
		port = "443"
	}
	if below {
		if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") {
			return Passed{}, fmt.Errorf("%q: want a domain of at least two labels, such as *.example.com", text)
		}
		name = "." + name
	}
	return Passed{name, port}, nil
}

// Matches reports whether the pattern matches a host in lower case and a port.
func (p Passed) Matches(host, port string) bool {
	return port == p.port && (host == p.name || p.name[0] == '.' && strings.HasSuffix(host, p.name))
}

// Exact reports whether the pattern is a single name or address.
func (p Passed) Exact() bool { return p.name[0] != '.' }

// String returns the text that ParsePassed reads.
func (p Passed) String() string {
	name := p.name
	if name[0] == '.' {
		name = "*" + name
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	return name + ":" + p.port
}

// parseName parses HOST or HOST:PORT.
func parseName(text string) (name, port string, err error) {
	if strings.Contains(text, "/") {
		return "", "", errors.New("want a host name, without a scheme and a path")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", "", errors.New("want the host name in ASCII, as xn--…")
	}
	name = text
	if host, p, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 || p != strconv.FormatUint(n, 10) {
			return "", "", errors.New("want a port from 1 to 65535")
		}
		name, port = host, p
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
		return addr.String(), port, nil
	}
	if len(name) > 253 {
		return "", "", errors.New("the name is too long")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", "", errors.New("want a host name, such as ghcr.io")
		}
	}
	return name, port, nil
}

// isLocal reports whether programs reach a name without a proxy.
func isLocal(name string) bool {
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && (addr.IsLoopback() || addr.IsUnspecified())
}
