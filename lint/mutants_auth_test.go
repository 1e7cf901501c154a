package lint_test

import (
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/op"
)

var authMutants = []mutant{
	{id: "password-not-token", variant: "Basic after the challenge", in: &pull, login: &tokens},
	{id: "password-not-token", variant: "Basic for writes", in: &push, login: &tokens},
	{id: "password-not-token", variant: "Basic first each time", in: &pull, login: &tokens},

	{id: "token-each-request", variant: "tokens are not kept", in: &pull, login: &tokens},
	{id: "token-each-request", variant: "each request is challenged", in: &push, login: &tokens},

	{id: "scope-too-wide", variant: "push for a pull", in: &pull, login: &tokens},
	{id: "scope-too-wide", variant: "every action", in: &pull, login: &tokens},
	{id: "scope-too-wide", variant: "another repository", in: &pull, login: &tokens},
	{id: "scope-too-wide", variant: "the catalog as well", in: &pull, login: &tokens},
	{id: "scope-too-wide", variant: "delete with a push", in: &push, login: &tokens},

	{id: "scope-missing", variant: "no parameter", in: &pull, login: &tokens},
	{id: "scope-missing", variant: "empty parameter", in: &pull, login: &tokens},

	{id: "ping-repeated", variant: "before each operation", in: &listTags, run: func(c *client, w *world) error {
		for range 4 {
			if err := c.login(); err != nil {
				return err
			}
			names, err := c.tags("app")
			if err != nil {
				return err
			}
			w.names = names
		}
		return nil
	}},
	{id: "ping-repeated", variant: "before each request", in: &pull, login: &tokens},

	{id: "credentials-unencrypted", variant: "password", in: &pull, login: &passwords, set: at("http://registry.example")},
	{id: "credentials-unencrypted", variant: "token", in: &pull, login: &tokens, set: at("http://registry.example:5000")},

	{id: "credentials-redirected", variant: "token", in: &pullRedirected, login: &tokens, set: at("https://127.0.0.1:5000")},
	{id: "credentials-redirected", variant: "the password", in: &pullRedirected, login: &passwords, set: at("https://127.0.0.1:5000")},
	{id: "credentials-redirected", variant: "key in a field of its own", in: &pullRedirected, set: at("https://127.0.0.1:5000"), edit: func(r *http.Request, _ op.Op) {
		r.Header.Set("X-JFrog-Art-Api", "AKCp8kr")
	}},

	{id: "credentials-in-url", variant: "password in the query of the token request", in: &pull, login: &tokens},
	{id: "credentials-in-url", variant: "token in the query of a blob", in: &pull, login: &tokens, edit: func(r *http.Request, o op.Op) {
		if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && o == op.BlobGet {
			r.URL.RawQuery = "access_token=" + t
		}
	}},

	{id: "token-repeated", variant: "at once", in: &expired, login: &tokens},
	{id: "token-repeated", variant: "after a pause", in: &expired, login: &tokens},
	{id: "token-repeated", variant: "token without the scope", in: &pushOnBase, login: &tokens},
}

// at sets the URL of the registry.
func at(base string) func(*client) { return func(c *client) { c.base = base } }
