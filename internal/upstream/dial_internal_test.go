package upstream

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNearness(t *testing.T) {
	for text, want := range map[string]nearness{
		"93.184.216.34": public, "2606:2800:220:1::1": public, "172.32.0.1": public, "192.0.1.1": public, "2001:4860::1": public,
		"127.0.0.1": loopback, "127.9.9.9": loopback, "::1": loopback, "::ffff:127.0.0.1": loopback, "::127.0.0.1": loopback,
		"64:ff9b::7f00:1": loopback, "2002:7f00:1::": loopback, "64:ff9b::808:808": public,
		"10.0.0.1": private, "172.16.0.1": private, "192.168.1.1": private, "100.64.0.1": private, "fd00::1": private, "::ffff:10.0.0.1": private, "2002:a00:1::1": private, "fec0::1": private,
		"169.254.169.254": linkLocal, "fe80::1": linkLocal, "fe80::1%eth0": linkLocal, "::ffff:169.254.169.254": linkLocal, "64:ff9b::a9fe:a9fe": linkLocal,
		"0.0.0.0": special, "0.1.2.3": special, "::": special, "224.0.0.1": special, "ff02::1": special, "255.255.255.255": special, "240.0.0.1": special, "198.18.0.1": special, "192.0.0.1": special, "2001::1": special, "100::1": special,
		"::ffff:0:127.0.0.1": special, "::ffff:0:8.8.8.8": special,
	} {
		assert.Equal(t, want, nearnessOf(netip.MustParseAddr(text)), text)
	}
}

// A host that the registry names may be as near as the registry is, and no nearer.
func TestCheck(t *testing.T) {
	const named = "cdn.example:443"
	for _, test := range []struct {
		registry string // its address
		allow    []string
		to       string
		want     string
	}{
		{registry: "93.184.216.34:443", to: "93.184.216.35:443"},
		{registry: "93.184.216.34:443", to: "10.0.0.1:443", want: "cdn.example:443 is 10.0.0.1, which is a private address, and the registry is not at one: allow the host cdn.example"},
		{registry: "93.184.216.34:443", to: "127.0.0.1:443", want: "a loopback address"},
		{registry: "93.184.216.34:443", to: "[::ffff:127.0.0.1]:443", want: "a loopback address"},
		{registry: "93.184.216.34:443", to: "169.254.169.254:443", want: "a link-local address"},
		{registry: "10.0.0.1:443", to: "10.0.0.2:443"},
		{registry: "10.0.0.1:443", to: "127.0.0.1:443", want: "a loopback address"},
		{registry: "127.0.0.1:443", to: "[::1]:443"},
		{registry: "127.0.0.1:443", to: "169.254.169.254:443", want: "a link-local address"},
		{registry: "93.184.216.34:443", to: "10.0.0.1:443", allow: []string{"CDN.example"}},
		{registry: "93.184.216.34:443", to: "10.0.0.1:443", allow: []string{"cdn.example:443"}},
		{registry: "93.184.216.34:443", to: "10.0.0.1:443", allow: []string{"cdn.example:444", "dn.example", "10.0.0.1"}, want: "a private address"},
	} {
		d := newDialer(&url.URL{Scheme: "https", Host: "registry.example"}, test.allow)
		assert.NoError(t, d.check("REGISTRY.example:443", test.registry))
		d.connected("REGISTRY.example:443", test.registry)
		err := d.check(named, test.to)
		if test.want == "" {
			assert.NoError(t, err, "%v", test)
		} else {
			assert.ErrorContains(t, err, test.want, "%v", test)
		}
	}
	assert.Error(t, newDialer(&url.URL{Scheme: "https", Host: "registry.example"}, nil).check(named, "no address"))
}

// What the name of the registry resolves to later makes no other address reachable.
func TestNearnessIsFixed(t *testing.T) {
	const own, named = "registry.example:443", "cdn.example:443"
	for _, first := range []string{"93.184.216.34:443", "10.0.0.1:443", ""} {
		for _, later := range []string{"127.0.0.1:443", "169.254.169.254:443", "[fe80::1]:443", "0.0.0.0:443"} {
			if first == "" && later == "127.0.0.1:443" {
				continue // it is the first
			}
			d := newDialer(&url.URL{Scheme: "https", Host: "registry.example"}, nil)
			if first != "" {
				require.NoError(t, d.check(own, first))
				d.connected(own, first)
			}
			assert.ErrorContains(t, d.check(own, later), "allow the host registry.example", "%s %s", first, later)
			d.connected(own, later)
			assert.Error(t, d.check(named, later), "%s %s", first, later)
			d.allow = []string{"registry.example"}
			assert.NoError(t, d.check(own, later))
			d.connected(own, later)
			assert.Error(t, d.check(named, later), "only the registry is allowed")
		}
	}
	d := newDialer(&url.URL{Scheme: "https", Host: "registry.example"}, nil)
	require.NoError(t, d.check(own, "127.0.0.1:443"))
	assert.Error(t, d.check(named, "127.0.0.1:443"), "a connection that was not made counts for nothing")
	for host, near := range map[string]string{"169.254.0.5": "169.254.169.254:443", "[fe80::5]": "[fe80::1]:443", "LOCALHOST:5000": "[::1]:443", "10.0.0.1": "10.0.0.2:443"} {
		assert.NoError(t, newDialer(&url.URL{Scheme: "https", Host: host}, nil).check(named, near), host)
		assert.Error(t, newDialer(&url.URL{Scheme: "https", Host: host}, nil).check(named, "0.0.0.0:443"), host)
	}
}

// The address that is dialled is checked, not the one that a name had before.
func TestDialChecks(t *testing.T) {
	reached := httptest.NewServer(http.NotFoundHandler())
	defer reached.Close()
	d := newDialer(&url.URL{Scheme: "https", Host: "registry.example"}, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(reached.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		_, err := d.dial(t.Context(), "tcp", host+":"+port)
		assert.ErrorContains(t, err, "a loopback address", host)
	}
	d.allow = []string{"127.0.0.1"}
	c, err := d.dial(t.Context(), "tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestSealer(t *testing.T) {
	now := time.Date(2030, 1, 1, 5, 0, 0, 0, time.UTC)
	s := newSealer(func() time.Time { return now })
	h := handle{Kind: content, URL: "https://cdn.example/x?sig=secret", Like: "/v2/a/blobs/x", Hops: 2}
	text := s.seal(h)
	now = now.Add(30 * time.Minute)
	assert.Equal(t, text, s.seal(h), "a realm stays the same")
	got, at, err := s.open(text)
	require.NoError(t, err)
	h.Expires = got.Expires
	assert.Equal(t, h, got)
	assert.Equal(t, h.URL, at.String())

	raw, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "cdn.example")
	for i := range raw {
		raw[i] ^= 1
		_, _, err := s.open(base64.RawURLEncoding.EncodeToString(raw))
		assert.ErrorIs(t, err, errHandle)
		raw[i] ^= 1
	}
	for _, other := range []string{"", text[:len(text)-1], text + "A", text + "=", text[:20] + "\n" + text[20:], newSealer(time.Now).seal(h)} {
		_, _, err := s.open(other)
		assert.ErrorIs(t, err, errHandle, other)
	}
	now = time.Unix(h.Expires-1, 0)
	_, _, err = s.open(text)
	require.NoError(t, err)
	now = time.Unix(h.Expires, 0)
	_, _, err = s.open(text)
	require.ErrorIs(t, err, errExpired)
}

// The address of a handle is opened as it was, or not handed out.
func TestLongHandles(t *testing.T) {
	base, err := ParseURL("https://registry.example")
	require.NoError(t, err)
	u := New(base, Options{})
	p := newPassage(u, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://here.example/v2/a/tags/list", nil))
	p.to = target{url: base.JoinPath("/v2/a/tags/list")}
	for _, query := range []string{strings.Repeat("a&", 4000), strings.Repeat("<", 8000), strings.Repeat(`"`, 8000), "\xff", "a=\u2028"} {
		named, err := p.name("https://cdn.example/x?"+query, lists, 0)
		if err != nil {
			assert.ErrorContains(t, err, "cannot be handed out", "%.10q", query)
			assert.NotContains(t, query, "&")
			continue
		}
		_, at, err := u.sealer.open(strings.TrimPrefix(named, "http://here.example"+handlePath))
		require.NoError(t, err, "%.10q", query)
		assert.Equal(t, query, at.RawQuery)
	}
}

// FuzzOpen checks that no text is a handle that was not sealed.
func FuzzOpen(f *testing.F) {
	s := newSealer(time.Now)
	sealed := s.seal(handle{Kind: tokens, URL: "https://auth.example/token", Like: "/v2/token"})
	f.Add(sealed)
	f.Add(sealed[:30])
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, err := s.open(text); (err == nil) != (text == sealed) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzRewrite checks that no field of an answer lets an address pass.
func FuzzRewrite(f *testing.F) {
	base, err := ParseURL("https://registry.example")
	require.NoError(f, err)
	u := New(base, Options{})
	for _, seed := range []string{
		"https://evil.example/x", "//evil.example/x", "/x", `<https://evil.example/x>; rel="next", </a>; rel=prev`, `Bearer realm="https://evil.example/token",service="s"`,
		`Bearer realm="https:\/\/evil.example/token"`, `Bearer realm="\h\t\t\p\s://evil.example/token"`, `Bearer realm="/\/evil.example"`,
		`Bearer realm='//evil.example/x'`, "bearer REALM=https://evil.example/;x", "/v2/..//evil.example", `/\evil.example`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"Location", "Link", "Www-Authenticate"} {
			client := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://here.example/v2/a/blobs/x", nil)
			to, err := u.target(client)
			if err != nil {
				t.Fatal(err)
			}
			p := newPassage(u, client)
			p.to = to
			answer := &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: http.Header{name: {text}}, Body: http.NoBody}
			if p.answer(answer) != nil {
				continue
			}
			passed := answer.Header.Get(name)
			if name == "Www-Authenticate" {
				for _, part := range realm().FindAllStringSubmatch(passed, -1) {
					passed = unquoted(part[2])
					if strings.Contains(passed, "//") && !strings.HasPrefix(passed, "http://here.example/") {
						t.Errorf("%s %q passes as %q", name, text, answer.Header.Get(name))
					}
				}
				continue
			}
			passed = strings.TrimPrefix(passed, "<")
			if passed != "" && !strings.HasPrefix(passed, "http://here.example/") && (passed[0] != '/' || strings.HasPrefix(passed, "//") || strings.HasPrefix(passed, `/\`)) {
				t.Errorf("%s %q passes as %q", name, text, answer.Header.Get(name))
			}
		}
	})
}
