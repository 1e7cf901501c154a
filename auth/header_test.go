package auth_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
)

// TestAuthorizationHeader goes through what may stand in it. token and login are
// valid credentials.
func TestAuthorizationHeader(t *testing.T) {
	users := map[string]string{"alice": "secret", "b\u00fccher": "\u00fc:\u00fc", "odd": "???>>>"}
	b := newFixture(t, auth.Options{Users: users})
	j := newFixture(t, auth.Options{Users: users, Token: &auth.TokenOptions{}})
	o := newFixture(t, auth.Options{Users: users, Token: &auth.TokenOptions{Opaque: true}})
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, test := range map[string]struct {
		values        []string // <login> and <token> are put in
		basic, bearer int
		problem       string // that Bearer challenges name
	}{
		"Basic":                     {[]string{"Basic <login>"}, 200, 401, ""},
		"Bearer":                    {[]string{"Bearer <token>"}, 401, 200, ""},
		"BASIC":                     {[]string{"BASIC <login>"}, 200, 401, ""},
		"bearer":                    {[]string{"bearer <token>"}, 401, 200, ""},
		"bEaReR":                    {[]string{"bEaReR <token>"}, 401, 200, ""},
		"two spaces":                {[]string{"Bearer  <token>"}, 401, 200, ""},
		"two spaces, Basic":         {[]string{"Basic  <login>"}, 200, 401, ""},
		"many spaces":               {[]string{"bASIC     <login>"}, 200, 401, ""},
		"a space and a tab":         {[]string{"Basic \t<login>"}, 401, 401, ""},
		"line feed in the login":    {[]string{"Basic <login>\n"}, 401, 401, ""},
		"a tab":                     {[]string{"Bearer\t<token>"}, 401, 401, ""},
		"a no-break space":          {[]string{"Bearer\u00a0<token>"}, 401, 401, ""},
		"space before":              {[]string{" Bearer <token>"}, 401, 401, ""},
		"space after":               {[]string{"Bearer <token> "}, 401, 401, "invalid_token"},
		"more after":                {[]string{"Bearer <token> x"}, 401, 401, "invalid_token"},
		"a comma":                   {[]string{"Bearer <token>, Basic <login>"}, 401, 401, "invalid_token"},
		"NUL after":                 {[]string{"Bearer <token>\x00"}, 401, 401, "invalid_token"},
		"NUL before":                {[]string{"Bearer \x00<token>"}, 401, 401, "invalid_token"},
		"line feed":                 {[]string{"Bearer <token>\n"}, 401, 401, "invalid_token"},
		"scheme alone":              {[]string{"Bearer"}, 401, 401, "invalid_token"},
		"scheme and space":          {[]string{"Basic "}, 401, 401, ""},
		"token alone":               {[]string{"<token>"}, 401, 401, ""},
		"login alone":               {[]string{"<login>"}, 401, 401, ""},
		"empty":                     {[]string{""}, 401, 401, ""},
		"Token":                     {[]string{"Token <token>"}, 401, 401, ""},
		"Digest":                    {[]string{`Digest username="alice"`}, 401, 401, ""},
		"two that are right":        {[]string{"Bearer <token>", "Bearer <token>"}, 401, 401, ""},
		"right, then wrong":         {[]string{"Basic <login>", "Basic x"}, 401, 401, ""},
		"empty, then right":         {[]string{"", "Bearer <token>"}, 401, 401, ""},
		"both schemes":              {[]string{"Basic <login>", "Bearer <token>"}, 401, 401, ""},
		"the token as password":     {[]string{"Basic " + encode("alice:") + "<token>"}, 401, 401, ""},
		"no base64":                 {[]string{"Basic alice:secret"}, 401, 401, ""},
		"no colon":                  {[]string{"Basic " + encode("alice")}, 401, 401, ""},
		"no padding":                {[]string{"Basic " + strings.TrimRight(encode("b\u00fccher:\u00fc:\u00fc"), "=")}, 401, 401, ""},
		"URL alphabet":              {[]string{"Basic " + base64.URLEncoding.EncodeToString([]byte("odd:???>>>"))}, 401, 401, ""},
		"the other alphabet":        {[]string{"Basic " + encode("odd:???>>>")}, 200, 401, ""},
		"line feed in the token":    {[]string{"Bearer <half>\n<rest>"}, 401, 401, "invalid_token"},
		"colons in the password":    {[]string{"Basic " + encode("b\u00fccher:\u00fc:\u00fc")}, 200, 401, ""},
		"Latin-1":                   {[]string{"Basic " + encode("b\xfccher:\xfc:\xfc")}, 401, 401, ""},
		"an empty password":         {[]string{"Basic " + encode("alice:")}, 401, 401, ""},
		"NUL in the user":           {[]string{"Basic " + encode("alice\x00:secret")}, 401, 401, ""},
		"NUL in the password":       {[]string{"Basic " + encode("alice:secret\x00")}, 401, 401, ""},
		"space after the user":      {[]string{"Basic " + encode("alice :secret")}, 401, 401, ""},
		"line feed in the password": {[]string{"Basic " + encode("alice:secret\n")}, 401, 401, ""},
		"a long password":           {[]string{"Basic " + encode("alice:secret"+strings.Repeat("x", 200_000))}, 401, 401, ""},
		"a long user":               {[]string{"Basic " + encode(strings.Repeat("a", 200_000)+":secret")}, 401, 401, ""},
		"a long token":              {[]string{"Bearer <token>" + strings.Repeat("x", 200_000)}, 401, 401, "invalid_token"},
		"a long scheme":             {[]string{strings.Repeat("Bearer", 50_000) + " <token>"}, 401, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				*fixture
				token string
				want  int
			}{
				{b, j.token(basic("alice", "secret")), test.basic},
				{j, j.token(basic("alice", "secret")), test.bearer},
				{o, o.token(basic("alice", "secret")), test.bearer},
			} {
				var values []string
				for _, value := range test.values {
					values = append(values, strings.NewReplacer("<login>", encode("alice:secret"), "<token>", c.token, "<half>", c.token[:20], "<rest>", c.token[20:]).Replace(value))
				}
				a := c.get(authorization(values...), "/v2/")
				require.Equal(t, c.want, a.Status)
				var challenge []string
				if c.want == 401 {
					challenge = []string{`Basic realm="ocifake"`}
					if c.fixture != b {
						challenge = []string{bearerChallenge("", test.problem)}
					}
				}
				assert.Equal(t, challenge, a.Challenge)
				assert.NotContains(t, a.Body, "secret")
				assert.NotContains(t, a.Body, c.token)
				for _, value := range values {
					if len(value) > 20 {
						assert.NotContains(t, a.Body, value[len(value)-12:])
					}
				}
			}
		})
	}
}

// What a realm has in it cannot end the parameter, nor the header.
func TestChallengeIsQuoted(t *testing.T) {
	f := newFixture(t, auth.Options{Realm: `my "house" \ö`})
	assert.Equal(t, []string{`Basic realm="my \"house\" \\ö"`}, f.get(anonymous, "/v2/").Challenge)
	f = newFixture(t, auth.Options{Token: &auth.TokenOptions{Service: `a "b"`}, TrustForwarded: true})
	a := f.do(anonymous, "GET", "/v2/", "", "X-Forwarded-Host", `evil.example",x="`, "X-Forwarded-Prefix", `/a"b`)
	assert.Equal(t, []string{`Bearer realm="http://example.com/v2/token",service="a \"b\""`}, a.Challenge)
}

// The realm is where the client reaches the registry.
func TestRealm(t *testing.T) {
	for name, test := range map[string]struct {
		trust  bool
		prefix string
		header []string
		want   string
	}{
		"plain":          {false, "", nil, "http://example.com/v2/token"},
		"prefix":         {false, "/a/b", nil, "http://example.com/a/b/v2/token"},
		"not trusted":    {false, "", []string{"X-Forwarded-Host", "hub.example", "X-Forwarded-Proto", "https"}, "http://example.com/v2/token"},
		"trusted":        {true, "", []string{"X-Forwarded-Host", "hub.example", "X-Forwarded-Proto", "https"}, "https://hub.example/v2/token"},
		"trusted prefix": {true, "/b", []string{"Forwarded", "host=hub.example;proto=https", "X-Forwarded-Prefix", "/a"}, "https://hub.example/a/b/v2/token"},
	} {
		f := newFixture(t, auth.Options{Token: &auth.TokenOptions{}, TrustForwarded: test.trust})
		f.handler = http.StripPrefix(test.prefix, f.handler)
		a := f.do(anonymous, "GET", test.prefix+"/v2/", "", test.header...)
		assert.Equal(t, []string{`Bearer realm="` + test.want + `",service="ocifake"`}, a.Challenge, name)
	}
}

// HTTP/1.0 need not say which host is meant: the realm has the one that the client is
// connected to.
func TestRealmWithoutHost(t *testing.T) {
	server := httptest.NewServer(newFixture(t, auth.Options{Token: &auth.TokenOptions{}}).handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /v2/ HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, `Bearer realm="`+server.URL+`/v2/token",service="ocifake"`, resp.Header.Get("WWW-Authenticate"))
}

// Whatever the header says, only valid credentials let a request in, and nothing
// panics.
func FuzzAuthorization(f *testing.F) {
	const password = "correct horse"
	options := auth.Options{Users: map[string]string{"alice": password}, Htpasswd: "bob:" + hashed(f, password)}
	b := newFixture(f, options)
	options.Token = &auth.TokenOptions{}
	j := newFixture(f, options)
	options.Token = &auth.TokenOptions{Opaque: true}
	o := newFixture(f, options)
	jwt, opaque := j.token(basic("alice", password)), o.token(basic("alice", password))
	login := base64.StdEncoding.EncodeToString([]byte("alice:" + password))
	// Valid credentials stand in the seeds by name, since the real ones are others in
	// each process.
	names := strings.NewReplacer("<jwt>", jwt, "<opaque>", opaque, "<login>", login)
	for _, seed := range []string{
		"", "Basic", "Bearer ", "Basic <login>", "Bearer <jwt>", "Bearer <opaque>", "bearer  <jwt>", "Basic <jwt>",
		"Bearer <login>", "Bearer <jwt>.", "Basic Og==", "Bearer a.b.c", "Digest a=b, c=d", "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic \x00",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, twice bool) {
		values := []string{names.Replace(text)}
		if twice {
			values = append(values, values[0])
		}
		scheme, rest, _ := strings.Cut(values[0], " ")
		scheme, rest = strings.ToLower(scheme), strings.TrimLeft(rest, " ")
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Authorization", "Basic "+rest)
		user, given, _ := request.BasicAuth()
		for _, c := range []struct {
			*fixture
			valid bool
		}{
			{b, scheme == "basic" && !strings.ContainsAny(rest, "\r\n") && (user == "alice" || user == "bob") && given == password},
			{j, scheme == "bearer" && rest == jwt},
			{o, scheme == "bearer" && rest == opaque},
		} {
			want := 401
			if c.valid && !twice {
				want = 200
			}
			a := send(t, c.handler, authorization(values...), "GET", "/v2/", "")
			if a.Status != want || (want == 401) != (len(a.Challenge) == 1) {
				t.Errorf("%q: status %d with challenge %q: want %d", values, a.Status, a.Challenge, want)
			}
			if strings.Contains(a.Body, password) {
				t.Errorf("%q: %s", values, a.Body)
			}
			if a := send(t, c.handler, authorization(values...), "GET", "/v2/token", ""); a.Status == 500 {
				t.Errorf("token with %q: status %d", values, a.Status)
			}
		}
	})
}
