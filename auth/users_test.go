package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registry"
)

func hashed(t testing.TB, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return string(hash)
}

func TestHtpasswd(t *testing.T) {
	// Apache writes $2y$, which is $2a$ without a bug that Go never had.
	apache := strings.Replace(hashed(t, "apache"), "$2a$", "$2y$", 1)
	long := strings.Repeat("x", 72)
	f := newFixture(t, auth.Options{
		Users: map[string]string{"code": "in code", "both": "in code"},
		Htpasswd: "# people\n\n" +
			"alice:" + hashed(t, "a secret") + "\r\n" +
			"  \t\n  bob:" + apache + "  \n" +
			"both:" + hashed(t, "in file") + "\n" +
			"   # comment:$2y$\n" +
			"bücher:" + hashed(t, "ü") + "\n" +
			"long:" + hashed(t, long) + "\n" +
			"nul:" + hashed(t, "a") + "\n",
	})
	for _, test := range []struct {
		user, password string
		status         int
	}{
		{"alice", "a secret", 200},
		{"alice", "a secret", 200}, // known by now
		{"alice", "a secret ", 401},
		{"alice", "apache", 401},
		{"alice", "", 401},
		{"bob", "apache", 200},
		{"code", "in code", 200},
		{"both", "in code", 200},
		{"both", "in file", 200},
		{"both", "in code", 200},
		{"bücher", "ü", 200},
		{"# comment", "", 401},
		{"alice", strings.Repeat("x", 100_000), 401},
		{"", "", 401},
		{"long", long, 200},
		{"long", long + "x", 401}, // bcrypt sees 72 bytes
		{"nul", "a", 200},
		{"nul", "a\x00", 401}, // bcrypt repeats a password with a NUL between
		{"nul", "a\x00a", 401},
		{"code", "in code\x00", 401},
	} {
		assert.Equal(t, test.status, f.get(basic(test.user, test.password), "/v2/").Status, "%s with %.20q", test.user, test.password)
	}
}

func TestBadHtpasswd(t *testing.T) {
	good := "alice:" + hashed(t, "a") + "\n"
	const onlyBcrypt = ": only bcrypt hashes are taken: make them with htpasswd -B"
	for name, test := range map[string]struct{ text, want string }{
		"plain text":    {good + "bob:hunter2", "line 2: user bob" + onlyBcrypt},
		"MD5":           {"bob:$apr1$hunter2$hunter2hunter2hunter20", "line 1: user bob" + onlyBcrypt},
		"SHA-1":         {"\n#\nbob:{SHA}hunter2hunter2hunter2hunter2=", "line 3: user bob" + onlyBcrypt},
		"SHA-256":       {good + "\n\nbob:$5$hunter2$hunter2", "line 4: user bob" + onlyBcrypt},
		"cut off":       {"bob:$2y$05$hunter2", "line 1: user bob" + onlyBcrypt},
		"no hash":       {"bob:", "line 1: user bob" + onlyBcrypt},
		"no colon":      {good + "hunter2", "line 2: want name:hash"},
		"no name":       {":$2y$05$hunter2", "line 1: want name:hash"},
		"control":       {"b\x00b:$2y$05$hunter2", "line 1: want name:hash"},
		"longer":        {good + "bob:" + hashed(t, "b") + "x", "line 2: user bob" + onlyBcrypt},
		"a comment":     {good + "bob:" + hashed(t, "b") + ":Bob", "line 2: user bob" + onlyBcrypt},
		"twice":         {good + "bob:" + hashed(t, "b") + "\n" + good, "line 3: user alice is on line 1 already"},
		"too slow":      {"bob:" + strings.Replace(hashed(t, "b"), "$04$", "$31$", 1), "line 1: user bob: the cost of the hash is 31: want 17 at most"},
		"UTF-16":        {"\xff\xfeb\x00:\x00", "line 1: want name:hash"},
		"invisible":     {"b\u200bob:" + hashed(t, "b"), "line 1: want name:hash"},
		"an open quote": {"bob:\"hunter2", "line 1: user bob" + onlyBcrypt},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.New(auth.Options{Htpasswd: test.text})
			require.EqualError(t, err, "auth: htpasswd: "+test.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// Passwords are given out for a time, as by cloud registries.
func TestPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, auth.Options{})
		status := func(user, password string) int { return f.get(basic(user, password), "/v2/").Status }
		first := f.service.Password("AWS", 12*time.Hour)
		second := f.service.Password("AWS", 24*time.Hour)
		forever := f.service.Password("AWS", 0)
		other := f.service.Password("other", 0)
		assert.NotEqual(t, first, second)
		assert.Equal(t, []int{200, 200, 200, 200, 401}, []int{
			status("AWS", first), status("AWS", second), status("AWS", forever), status("other", other), status("other", first)})
		time.Sleep(12*time.Hour - 1)
		assert.Equal(t, []int{200, 200}, []int{status("AWS", first), status("AWS", second)})
		time.Sleep(time.Nanosecond)
		assert.Equal(t, []int{401, 200}, []int{status("AWS", first), status("AWS", second)})
		f.service.Password("AWS", time.Minute)
		time.Sleep(1000 * 24 * time.Hour)
		assert.Equal(t, []int{401, 200}, []int{status("AWS", second), status("AWS", forever)})
		f.service.RevokeAll()
		assert.Equal(t, []int{401, 401}, []int{status("AWS", forever), status("other", other)})
	})
}

// RevokeAll leaves those alone that the options name.
func TestRevokeAllKeepsUsers(t *testing.T) {
	f := newFixture(t, auth.Options{Users: map[string]string{"code": "a"}, Htpasswd: "file:" + hashed(t, "b")})
	for range 2 {
		assert.Equal(t, 200, f.get(basic("code", "a"), "/v2/").Status)
		assert.Equal(t, 200, f.get(basic("file", "b"), "/v2/").Status)
		f.service.RevokeAll()
	}
}

func TestBadOptions(t *testing.T) {
	for want, o := range map[string]auth.Options{
		`hide with status 200: want 401, 403 or 404`:                                                      {Hide: 200},
		`user "": a name must not be empty, nor have a colon, a control or an invisible character`:        {Users: map[string]string{"": "hunter2"}},
		`user "a:b": a name must not be empty, nor have a colon, a control or an invisible character`:     {Users: map[string]string{"a:b": "hunter2"}},
		`user "a\nb": a name must not be empty, nor have a colon, a control or an invisible character`:    {Users: map[string]string{"a\nb": "hunter2"}},
		`rule 2: no action is called "read": want pull, push, delete or catalog`:                          {Rules: []auth.Rule{{}, {Actions: []registry.Action{"read"}}}},
		`user "a": the password has more than 4096 bytes`:                                                 {Users: map[string]string{"a": strings.Repeat("x", 4097)}},
		`user "a": the password is empty`:                                                                 {Users: map[string]string{"a": ""}},
		`user "a": the password has a control character, which HTTP forbids (RFC 7617, section 2)`:        {Users: map[string]string{"a": "hunter2\n"}},
		`user "\ufeffa": a name must not be empty, nor have a colon, a control or an invisible character`: {Users: map[string]string{"\ufeffa": "x"}},
		`realm "a\rb" has a control character`:                                                            {Realm: "a\rb"},
		`token: negative TTL`:                                                                             {Token: &auth.TokenOptions{TTL: -1}},
		`token: field "jwt": want token or access_token`:                                                  {Token: &auth.TokenOptions{Field: "jwt"}},
		`token: refuse POST with status 200: want an error`:                                               {Token: &auth.TokenOptions{PostStatus: 200}},
		`token: refuse anonymous requests with status 404: want 401 or 403`:                               {Token: &auth.TokenOptions{AnonymousStatus: 404}},
		`token: service "a\nb" or issuer "" has a control character`:                                      {Token: &auth.TokenOptions{Service: "a\nb"}},
		`token: service "" or issuer "a\x00" has a control character`:                                     {Token: &auth.TokenOptions{Issuer: "a\x00"}},
	} {
		s, err := auth.New(o)
		require.EqualError(t, err, "auth: "+want)
		assert.Nil(t, s)
	}
}

func TestParseOptions(t *testing.T) {
	o, err := auth.ParseOptions([]byte(`
users: {alice: secret, "bob": "1234"}
rules:
- users: [alice]
- users: [b*]
  repos: [team/*]
  actions: [pull, push]
- actions: [pull]   # everybody
  repos: [public/*]
token: {ttl: 90s, opaque: true, skew: -1m, postStatus: 405}
hide: 404
`))
	require.NoError(t, err)
	assert.Equal(t, auth.Options{
		Users: map[string]string{"alice": "secret", "bob": "1234"},
		Rules: []auth.Rule{
			{Users: []string{"alice"}},
			{Users: []string{"b*"}, Repos: []string{"team/*"}, Actions: []registry.Action{"pull", "push"}},
			{Repos: []string{"public/*"}, Actions: []registry.Action{"pull"}},
		},
		Token: &auth.TokenOptions{TTL: 90 * time.Second, Opaque: true, Skew: -time.Minute, PostStatus: 405},
		Hide:  404,
	}, o)

	o, err = auth.ParseOptions([]byte(`{"users": {"a": "b"}, "token": {"ttl": "1m"}}`))
	require.NoError(t, err)
	assert.Equal(t, auth.Options{Users: map[string]string{"a": "b"}, Token: &auth.TokenOptions{TTL: time.Minute}}, o)

	for _, empty := range []string{"", "---\n", "# nothing\n", "{}", "--- {}\n...\n"} {
		o, err = auth.ParseOptions([]byte(empty))
		require.NoError(t, err, "%q", empty)
		assert.Equal(t, auth.Options{}, o)
	}
}

func TestParseBadOptions(t *testing.T) {
	for text, want := range map[string]string{
		"users: {alice: hunter2}\nruels: []":            `auth: line 2, column 1: unknown field "ruels": want one of users, htpasswd, rules,`,
		"rules:\n- user: [a]":                           `auth: line 2, column 3: unknown field "user": want one of users, repos, actions`,
		"users: [hunter2]":                              `auth: line 1, column 8: a list does not belong here`,
		"users: {alice: {hunter2: 1}}":                  `auth: line 1, column 16: a mapping does not belong here`,
		"users: hunter2":                                `auth: line 1, column 8: want a mapping`,
		"users: {a: hunter2, a: hunter2}":               `auth: line 1, column 21:`,
		"users:\n  a: \"hunter2":                        `auth: line 2, column 6: this is not YAML`,
		"token: {ttl: hunter2}":                         `auth: line 1, column 14: want a duration`,
		"token: {opaque: true,\n ttl: 5}":               `auth: line 2, column 7: want a duration`,
		"token: {opaque: hunter2}":                      `auth: line 1, column 17: want true or false`,
		"hide: hunter2":                                 `auth: line 1, column 7: want a whole number`,
		"token: {ttl: -1s}":                             `auth: token: negative TTL`,
		"{}\n---\n":                                     `auth: line 2, column 1: a second document: want one`,
		"\tusers: hunter2":                              `auth: line 1, column`,
		"users: {a: hunter2}\n---\nusers: {b: hunter2}": `auth: line 2, column 1: a second document: want one`,
		"hunter2":                                 `auth: line 1, column 1: want a mapping`,
		"[hunter2]":                               `auth: line 1, column 1: a list does not belong here`,
		"null":                                    `auth: line 1, column 1: a value is missing`,
		"hunter2: \xff":                           `auth: the options are not in UTF-8`,
		"#" + strings.Repeat("x", 1<<20):          `auth: options of 1048577 bytes: want 1048576 at most`,
		"users:\n  ci: *hunter2":                  `auth: line 2, column 7: aliases, anchors and tags are not accepted`,
		"users:\n  ci: &a hunter2":                `auth: line 2, column 7: aliases`,
		"users:\n  ci: !hunter2 x":                `auth: line 2, column 7: aliases`,
		"users:\n  ci: @hunter2":                  `auth: line 2, column 7: this is not YAML`,
		"users:\n  ci: `hunter2":                  `auth: line 2, column 7: this is not YAML`,
		"users:\n  <<: {a: hunter2}":              `auth: line 2, column 3: a name must be text`,
		"users: {ci: null}":                       `auth: line 1, column 9: a value is missing`,
		"users: {ci: ~}":                          `auth: line 1, column 9: a value is missing`,
		"users: {ci: }":                           `auth: line 1, column 9: a value is missing`,
		"users:\n  ci:\n":                         `auth: line 2, column 3: a value is missing`,
		"users:\n":                                `auth: line 1, column 1: a value is missing`,
		"{ci:hunter2}":                            `auth: line 1, column 2: unknown field "ci": want one of users,`,
		"{\"ci:hunter2\": 1}":                     `auth: line 1, column 2: unknown field: want one of users,`,
		`users: {ci: ""}`:                         `auth: user "ci": the password is empty`,
		"users: {ci: 0123}":                       `auth: line 1, column 13: want text: write it in quotes`,
		"users: {ci: true}":                       `auth: line 1, column 13: want text: write it in quotes`,
		"users: {ci: .inf}":                       `auth: line 1, column 13: want text: write it in quotes`,
		"users: {12: hunter2}":                    `auth: line 1, column 9: a name must be text`,
		"users: {null: hunter2}":                  `auth: line 1, column 9: a name must be text`,
		"rules: [{users: null, actions: [pull]}]": `auth: line 1, column 10: a value is missing`,
		"rules: [{users: [null]}]":                `auth: line 1, column 18: a value is missing`,
		"rules: [{repos: , actions: [pull]}]":     `auth: line 1, column 10: a value is missing`,
		"rules: [null]":                           `auth: line 1, column 9: a value is missing`,
		"rules:":                                  `auth: line 1, column 1: a value is missing`,
		"token:":                                  `auth: line 1, column 1: a value is missing`,
		"htpasswd: null":                          `auth: line 1, column 1: a value is missing`,
		"users: " + strings.Repeat("[", 5000):     `auth: line 1, column 108: more than 100 lists and mappings in each other`,
		"users: " + strings.Repeat("{a: ", 5000):  `auth: line 1, column`,
		"rules: [" + strings.Repeat("{},", 60_000) + "]": `names, values and signs: want 50000 at most`,
	} {
		_, err := auth.ParseOptions([]byte(text))
		if assert.ErrorContains(t, err, want, "%.50q", text) {
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

// A byte order mark is no part of a name.
func TestByteOrderMark(t *testing.T) {
	o, err := auth.ParseOptions([]byte("\ufeffusers: {alice: secret}"))
	require.NoError(t, err)
	assert.Equal(t, auth.Options{Users: map[string]string{"alice": "secret"}}, o)
	f := newFixture(t, auth.Options{Htpasswd: "\ufeffalice:" + hashed(t, "secret")})
	assert.Equal(t, 200, f.get(basic("alice", "secret"), "/v2/").Status)
}

// No error has a value in it, whatever stands in front of it.
func TestErrorsHideValues(t *testing.T) {
	for c := byte(' '); c < 0x7f; c++ {
		for _, text := range []string{"users:\n  ci: %chunter2", "users: {ci: %chunter2}", "users: {ci:%chunter2}", "users:\n- ci: %chunter2", "users:\n  ci: x\n%chunter2", "htpasswd: |%chunter2"} {
			text = strings.Replace(text, "%c", string(rune(c)), 1)
			o, err := auth.ParseOptions([]byte(text))
			if err == nil {
				_, err = auth.New(o)
			}
			if err != nil {
				assert.NotContains(t, err.Error(), "hunter2", "%q", text)
			}
		}
	}
}

func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{"", "users: {alice: secret}", "rules: [{repos: [a/*], actions: [pull]}]\ntoken: {ttl: 5m}", "htpasswd: |\n  a:b\n", "&a [*a]", "? - :", "{}\n...\n{}", "a: 1\n---\n---\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := auth.ParseOptions(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "auth: ") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if _, err := auth.New(o); err != nil && !strings.HasPrefix(err.Error(), "auth: htpasswd: ") {
			t.Errorf("%q makes options that are refused: %v", text, err)
		}
		_ = fmt.Sprint(o)
	})
}
