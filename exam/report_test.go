package exam

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Credentials for the token service that the registry names are no leak, unless they are sent
// without TLS for a registry with TLS. Fields of the client's own are no credentials.
func TestCredentialHosts(t *testing.T) {
	challenge := func(realm string, secure bool) record.Exchange {
		return record.Exchange{Host: "registry.test:5000", Secure: secure, Target: "/v2/", Status: 401,
			ResponseHeader: http.Header{"Www-Authenticate": {`Bearer realm="` + realm + `",service="a"`}}}
	}
	sent := func(host, target, field string) record.Exchange {
		return record.Exchange{Info: op.Info{Op: op.External}, Host: host, Target: target, Header: http.Header{field: {"Basic dXNlcjpwYXNz"}}}
	}
	for name, test := range map[string]struct {
		log  record.Log
		want []string
	}{
		"to the realm":        {record.Log{challenge("http://auth.test/token", false), sent("auth.test", "/token?scope=a", "Authorization")}, []string{}},
		"beside the realm":    {record.Log{challenge("http://auth.test/token", false), sent("auth.test", "/other", "Authorization")}, []string{"auth.test"}},
		"unasked":             {record.Log{sent("auth.test", "/token", "Authorization")}, []string{"auth.test"}},
		"of a registry's TLS": {record.Log{challenge("http://auth.test/token", true), sent("auth.test", "/token", "Authorization")}, []string{"auth.test"}},
		"with TLS":            {record.Log{challenge("https://auth.test/token", true), sent("auth.test", "/token", "Authorization")}, []string{}},
		"of another host":     {record.Log{{Host: "cdn.test", Status: 401, ResponseHeader: challenge("http://cdn.test/token", false).ResponseHeader}, sent("cdn.test", "/token", "Authorization")}, []string{"cdn.test"}},
		"a session's ID":      {record.Log{sent("cdn.test", "/blob", "Imgpkg-Session-Id")}, []string{}},
		"a cookie":            {record.Log{sent("cdn.test", "/blob", "Cookie")}, []string{"cdn.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, credentialHosts(test.log, "registry.test"))
		})
	}
}
