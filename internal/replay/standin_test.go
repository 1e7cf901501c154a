package replay_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/profiles"
)

func TestParseHosts(t *testing.T) {
	got, err := replay.ParseStandIns("docker.io=hub, GHCR.io.=ghcr,registry.example:5000,[2001:db8::1]:443=./mine.yaml")
	require.NoError(t, err)
	assert.Equal(t, []replay.StandIn{
		{Name: "docker.io", Profile: "hub"}, {Name: "ghcr.io", Profile: "ghcr"},
		{Name: "registry.example", Port: "5000"}, {Name: "2001:db8::1", Port: "443", Profile: "./mine.yaml"},
	}, got)
	for text, want := range map[string]string{
		"":                         "want a host name",
		"a.example,":               "want a host name",
		"https://ghcr.io":          "without a scheme",
		"g\u212a.io":               "ASCII",
		"ghcr.io/org":              "without a scheme and a path",
		"ghcr.io:0":                "want a port",
		"ghcr.io:65536":            "want a port",
		"ghcr.io:https":            "want a port",
		"ghcr.io=":                 "want HOST=PROFILE",
		"*.example.com":            "want a host name",
		"localhost:5000":           "without a proxy",
		"a.localhost":              "without a proxy",
		"127.0.0.1":                "without a proxy",
		"user@ghcr.io":             "want a host name",
		strings.Repeat("a,", 1001): "at most 1000",
	} {
		_, err := replay.ParseStandIns(text)
		assert.ErrorContains(t, err, want, text)
	}
	require.NoError(t, replay.Distinct(got))
	require.ErrorContains(t, replay.Distinct(append(got, replay.StandIn{Name: "ghcr.io", Port: "1"})), "ghcr.io is there twice")
}

func TestServes(t *testing.T) {
	assert.True(t, replay.StandIn{Name: "a"}.Serves("443"))
	assert.True(t, replay.StandIn{Name: "a"}.Serves("80"))
	assert.False(t, replay.StandIn{Name: "a"}.Serves("22"))
	assert.True(t, replay.StandIn{Name: "a", Port: "5000"}.Serves("5000"))
	assert.False(t, replay.StandIn{Name: "a", Port: "5000"}.Serves("443"))
}

// TestAliases: all names of Docker Hub lead to one registry, with its profile and without.
func TestAliases(t *testing.T) {
	hub, err := profiles.Find("hub")
	require.NoError(t, err)
	for _, aliases := range [][]string{replay.StandIn{Name: "docker.io"}.Aliases(hub), replay.StandIn{Name: "docker.io"}.Aliases(nil)} {
		assert.Subset(t, aliases, []string{"docker.io", "registry-1.docker.io", "auth.docker.io", "index.docker.io"})
	}
	assert.Empty(t, replay.StandIn{Name: "a.example"}.Aliases(nil))
}

func TestPassed(t *testing.T) {
	for text, test := range map[string]struct{ yes, no string }{
		"proxy.golang.org":   {"proxy.golang.org:443", "proxy.golang.org:80 x.proxy.golang.org:443 golang.org:443"},
		"*.Example.com":      {"a.example.com:443 a.b.example.com:443", "example.com:443 aexample.com:443 a.example.com:8443 a.example.com.evil.org:443"},
		"a.example:8443":     {"a.example:8443", "a.example:443"},
		"*.example.com:8443": {"a.example.com:8443", "a.example.com:443"},
		"192.0.2.1":          {"192.0.2.1:443", "192.0.2.10:443"},
	} {
		p, err := replay.ParsePassed(text)
		require.NoError(t, err, text)
		for list, want := range map[string]bool{test.yes: true, test.no: false} {
			for _, at := range strings.Fields(list) {
				host, port, _ := strings.Cut(at, ":")
				assert.Equal(t, want, p.Matches(host, port), "%s %s", text, at)
			}
		}
		assert.Equal(t, !strings.Contains(text, "*"), p.Exact())
	}
	for _, text := range []string{"", "*", "*.com", "a*.example.com", "*.*.example.com", "https://a.example", "a.example:0", "*.1.2.3.4", "*.:443"} {
		_, err := replay.ParsePassed(text)
		assert.Error(t, err, text)
	}
}

// FuzzHosts: hosts that are accepted have the same text when they are read again.
func FuzzHosts(f *testing.F) {
	for _, text := range []string{"docker.io=hub,ghcr.io=ghcr", "a:1", "[::1]:2", "2001:db8::1", "=x", ",", "a.b.:0443"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		hosts, err := replay.ParseStandIns(text)
		if err != nil {
			return
		}
		var all []string
		for _, h := range hosts {
			all = append(all, h.String())
		}
		again, err := replay.ParseStandIns(strings.Join(all, ","))
		require.NoError(t, err)
		assert.Equal(t, hosts, again)
	})
}

// FuzzPassed: a pattern matches no more than the hosts that it names.
func FuzzPassed(f *testing.F) {
	for _, text := range []string{"a.example", "*.example.com", "*.example.com:8443", "[::2]:1", "*", "*.a"} {
		f.Add(text, "a.example.com", "443")
	}
	f.Fuzz(func(t *testing.T, text, host, port string) {
		p, err := replay.ParsePassed(text)
		if err != nil {
			return
		}
		again, err := replay.ParsePassed(p.String())
		require.NoError(t, err)
		assert.Equal(t, p, again)
		if p.Matches(host, port) && !p.Exact() {
			assert.Greater(t, strings.Count(host, "."), 1, "a domain of one label is too wide")
		}
	})
}
