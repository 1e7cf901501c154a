package clientenv_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/clientenv"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct{ text, user, password, helper, err string }{
		{text: `{}`},
		{text: `{"auths": {"other.test": {"auth": "dTpw"}}}`},
		{text: `{"auths": {"a.test:5000": {"auth": "dTpwOnE="}}}`, user: "u", password: "p:q"},
		{text: `{"auths": {"https://a.test:5000/v1/": {"auth": "dTpw"}}, "credsStore": "desktop"}`, user: "u", password: "p"},
		{text: `{"auths": {"a.test:5000": {"username": "u", "password": "p"}}}`, user: "u", password: "p"},
		{text: `{"auths": {"a.test:5000": {}}, "credsStore": "desktop"}`, helper: "desktop a.test:5000"},
		{text: `{"auths": {"https://a.test:5000/v1/": {}}, "credsStore": "desktop"}`, helper: "desktop https://a.test:5000/v1/"},
		{text: `{"auths": {"a.test:5000": {"auth": "dTpw"}}, "credHelpers": {"a.test:5000": "gcloud"}}`, helper: "gcloud a.test:5000"},
		{text: `{"credHelpers": {"a.test:5000": "gcloud"}}`, helper: "gcloud a.test:5000"},
		{text: `{"credHelpers": {"other.test": "gcloud"}, "credsStore": "desktop"}`},
		{text: `{"auths": {"a.test:5000": {"auth": "dTpw", "identitytoken": "c2VjcmV0"}}}`, user: "<token>", password: "c2VjcmV0"},
		{text: `{"auths": {"a.test:5000": {"registrytoken": "secret"}}}`, err: "are a token of the registry"},
		{text: `{"auths": {"a.test:5000": {"auth": "c2VjcmV0"}}}`, err: "not NAME:PASSWORD"},
		{text: `{"auths": {"a.test:5000": {"auth": "secret:π"}}}`, err: "not NAME:PASSWORD"},
		{text: `{"auths": "secret"}`, err: "cannot unmarshal"},
		{text: `secret`, err: "invalid character"},
	} {
		login, err := clientenv.FindLogin([]byte(tt.text), "a.test:5000")
		if tt.err != "" {
			require.ErrorContains(t, err, tt.err, tt.text)
			assert.NotContains(t, err.Error(), "secret")
			continue
		}
		require.NoError(t, err, tt.text)
		assert.Equal(t, [3]string{tt.user, tt.password, tt.helper}, [3]string{login.User, login.Password, strings.TrimSpace(login.Helper + " " + login.Server)}, tt.text)
	}
}

// TestFindAdded checks that what Add writes is found.
func TestFindAdded(t *testing.T) {
	text, err := clientenv.AddLogin([]byte(`{"credsStore": "desktop"}`), "a.test", "u", "p")
	require.NoError(t, err)
	login, err := clientenv.FindLogin(text, "a.test")
	require.NoError(t, err)
	assert.Equal(t, "u:p", login.User+":"+login.Password)
}
