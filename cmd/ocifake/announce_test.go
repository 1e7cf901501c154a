package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What there is to try works with the registry that the flags ask for.
func TestCommandsToTry(t *testing.T) {
	const host = "127.0.0.1:5000"
	for _, test := range []struct {
		name      string
		set       func(*serveConfig)
		reference string
		want      []string
	}{
		{"plain", func(*serveConfig) {}, "", []string{
			"oras push --plain-http --artifact-type text/greeting 127.0.0.1:5000/hello:v1",
			"oras manifest fetch --plain-http 127.0.0.1:5000/hello:v1",
			"crane ls 127.0.0.1:5000/hello",
			"curl -s http://127.0.0.1:5000/v2/hello/tags/list",
		}},
		{"with content", func(c *serveConfig) { c.registry.ReadOnly = true }, "team/app@sha256:abc", []string{
			"oras manifest fetch --plain-http 127.0.0.1:5000/team/app@sha256:abc",
			"crane ls 127.0.0.1:5000/team/app",
			"curl -s http://127.0.0.1:5000/v2/team/app/tags/list",
		}},
		{"read-only, with nothing in it", func(c *serveConfig) { c.registry.ReadOnly = true }, "", []string{
			"curl -s http://127.0.0.1:5000/v2/",
		}},
		{"Basic", func(c *serveConfig) { c.auth.users = []string{"a:b"} }, "app:v1", []string{
			"oras login --plain-http --username NAME --password PASSWORD 127.0.0.1:5000",
			"oras manifest fetch --plain-http 127.0.0.1:5000/app:v1",
			"crane ls 127.0.0.1:5000/app",
			"curl -s --user NAME:PASSWORD http://127.0.0.1:5000/v2/app/tags/list",
		}},
		{"Bearer, which curl does not speak", func(c *serveConfig) { c.auth.users, c.auth.bearer = []string{"a:b"}, true }, "app:v1", []string{
			"oras login --plain-http --username NAME --password PASSWORD 127.0.0.1:5000",
			"oras manifest fetch --plain-http 127.0.0.1:5000/app:v1",
			"crane ls 127.0.0.1:5000/app",
		}},
		{"token-auth", func(c *serveConfig) { c.auth.token = "users.yaml"; c.registry.ReadOnly = true }, "", []string{
			"oras login --plain-http --username NAME --password PASSWORD 127.0.0.1:5000",
		}},
		{"certificates, which crane cannot show", func(c *serveConfig) {
			c.server.TLS, c.output.caFile, c.auth.clientCA = true, "the ca.pem", "clients.pem"
		}, "app:v1", []string{
			"oras manifest fetch --ca-file 'the ca.pem' --cert-file CERTIFICATE --key-file KEY 127.0.0.1:5000/app:v1",
			"curl -s --cacert 'the ca.pem' --cert CERTIFICATE --key KEY https://127.0.0.1:5000/v2/app/tags/list",
		}},
		{"certificates or passwords", func(c *serveConfig) {
			c.server.TLS, c.auth.clientCA, c.auth.htpasswd = true, "clients.pem", "users"
		}, "app:v1", []string{
			"oras login --insecure --username NAME --password PASSWORD 127.0.0.1:5000",
			"oras manifest fetch --insecure 127.0.0.1:5000/app:v1",
			"crane ls --insecure 127.0.0.1:5000/app",
			"curl -sk --user NAME:PASSWORD https://127.0.0.1:5000/v2/app/tags/list",
		}},
	} {
		c := new(serveConfig)
		test.set(c)
		assert.Equal(t, test.want, c.commands(host, test.reference), test.name)
	}
}
