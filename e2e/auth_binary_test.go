package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The flags of "ocifake serve" that enable authentication.
const (
	htpasswdFlag  = "--htpasswd"
	tokenAuthFlag = "--token-auth"
)

// authFiles are the input files of the flags. Both contain the user, who may do everything.
var authFiles = map[string]string{
	htpasswdFlag:  userName + ":$2a$04$Nl6i8vHzAYXkD.6.ucs7DOljkCYCexHzh6z97tJ.athsPHegrbbAW\n", // userPassword
	tokenAuthFlag: "users: {" + userName + ": " + userPassword + "}\n",
}

var authSchemes = map[string]string{htpasswdFlag: "Basic", tokenAuthFlag: "Bearer"}

func authFile(t *testing.T, flag string) string { return writeAuthFile(t, authFiles[flag]) }

func writeAuthFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// requireChallenge checks that a registry requires authentication.
func requireChallenge(t *testing.T, registry *url.URL, flag string) {
	t.Helper()
	res, err := http.Get(registry.JoinPath("v2").String() + "/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.Regexp(t, "^"+authSchemes[flag]+" ", res.Header.Get("WWW-Authenticate"))
}

// rulesFile contains the permissions of the user; the password is in --htpasswd.
const rulesFile = `
rules:
- {users: [` + userName + `], repos: [` + ownRepo + `]}
- {repos: [` + ownRepo + `], actions: [pull]}
token: {ttl: 1m}
`

// TestAuthBinary tests crane with "ocifake serve".
func TestAuthBinary(t *testing.T) {
	for _, tt := range []struct {
		name   string
		files  map[string]string // by flag
		rules  bool              // the user may not do everything, others something
		tokens int               // that crane fetches: one for each command
	}{
		{name: "Basic", files: map[string]string{htpasswdFlag: authFiles[htpasswdFlag]}},
		{name: "Bearer", files: map[string]string{tokenAuthFlag: authFiles[tokenAuthFlag]}, tokens: 2},
		{
			name:  "Bearer with rules",
			files: map[string]string{htpasswdFlag: authFiles[htpasswdFlag], tokenAuthFlag: rulesFile},
			rules: true, tokens: 2,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			flags := []string{"--log-level", "debug", "--log-format", "json"}
			for flag, text := range tt.files {
				flags = append(flags, flag, writeAuthFile(t, text))
			}
			in := serve(t, flags...)
			r := &target{base: in.url, requests: logged(in.log)}
			user := craneAs(t, r, userPassword)
			image := newImage(t, authTag)
			require.NoError(t, crane.push(user, image, r.ref(ownRepo, authTag)))
			user.pulls(t, crane, r.ref(ownRepo, authTag), image)
			assert.Len(t, user.find(op.Token, "", http.StatusOK), tt.tokens)

			stranger := craneAs(t, r, "wrong")
			requireRefused(t, crane.pull(stranger, r.ref(ownRepo, authTag), t.TempDir()))
			nobody := &session{target: r, t: t}
			if !tt.rules {
				requireRefused(t, crane.pull(nobody, r.ref(ownRepo, authTag), t.TempDir()))
				return
			}
			nobody.pulls(t, crane, r.ref(ownRepo, authTag), image)
			requireRefused(t, crane.push(user, image, r.ref(secretRepo, authTag)))
		})
	}
}

// craneAs returns crane after "crane auth login" as the user.
func craneAs(t *testing.T, r *target, password string) *session {
	t.Helper()
	s := &session{target: r, t: t, login: &registrytest.Credentials{Host: r.base.Host, Username: userName, Password: password}}
	s.home = s.newHome()
	require.NoError(t, craneSignIn(s))
	return s
}
