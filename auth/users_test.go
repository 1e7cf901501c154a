package auth_test

import (
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
		`token: mount source "first": want named or ignored`:                                              {Token: &auth.TokenOptions{MountSource: "first"}},
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

// A byte order mark is no part of a name.
func TestByteOrderMark(t *testing.T) {
	f := newFixture(t, auth.Options{Htpasswd: "\ufeffalice:" + hashed(t, "secret")})
	assert.Equal(t, 200, f.get(basic("alice", "secret"), "/v2/").Status)
}
