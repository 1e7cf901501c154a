package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/registry"
)

func TestAuth(t *testing.T) {
	o, err := config.AuthOptions([]byte(`
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

	o, err = config.AuthOptions([]byte(`{"users": {"a": "b"}, "token": {"ttl": "1m"}}`))
	require.NoError(t, err)
	assert.Equal(t, auth.Options{Users: map[string]string{"a": "b"}, Token: &auth.TokenOptions{TTL: time.Minute}}, o)

	for _, empty := range []string{"", "---\n", "# nothing\n", "{}", "--- {}\n...\n"} {
		o, err = config.AuthOptions([]byte(empty))
		require.NoError(t, err, "%q", empty)
		assert.Equal(t, auth.Options{}, o)
	}
}

func TestAuthRefuses(t *testing.T) {
	var got strings.Builder
	for _, text := range []string{
		"users: {alice: hunter2}\nruels: []",
		"rules:\n- user: [a]",
		"users: [hunter2]",
		"users: {alice: {hunter2: 1}}",
		"users: hunter2",
		"users: {a: hunter2, a: hunter2}",
		"users:\n  a: \"hunter2",
		"token: {ttl: hunter2}",
		"token: {opaque: true,\n ttl: 5}",
		"token: {opaque: hunter2}",
		"hide: hunter2",
		"token: {ttl: -1s}",
		"{}\n---\n",
		"\tusers: hunter2",
		"users: {a: hunter2}\n---\nusers: {b: hunter2}",
		"hunter2",
		"[hunter2]",
		"hunter2: \xff",
		"#" + strings.Repeat("x", 1<<20),
		"users:\n  ci: *hunter2",
		"users:\n  ci: &a hunter2",
		"users:\n  ci: !hunter2 x",
		"users:\n  ci: @hunter2",
		"users:\n  ci: `hunter2",
		"users:\n  <<: {a: hunter2}",
		"users: {ci: null}",
		"users: {ci: ~}",
		"users: {ci: }",
		"users:\n  ci:\n",
		"users:\n",
		"{ci:hunter2}",
		"{\"ci:hunter2\": 1}",
		`users: {ci: ""}`,
		"users: {ci: 0123}",
		"users: {ci: true}",
		"users: {ci: .inf}",
		"users: {12: hunter2}",
		"users: {null: hunter2}",
		"rules: [{users: null, actions: [pull]}]",
		"rules: [{users: [null]}]",
		"rules: [{repos: , actions: [pull]}]",
		"rules: [null]",
		"rules:",
		"token:",
		"htpasswd: null",
		"users: " + strings.Repeat("[", 5000),
		"users: " + strings.Repeat("{a: ", 5000),
	} {
		_, err := config.AuthOptions([]byte(text))
		if assert.Error(t, err, "%.50q", text) {
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "\n")
			fmt.Fprintf(&got, "%q\n\t%v\n", short(text, 80), err)
		}
	}
	golden(t, "testdata/auth.golden", got.String())
}

// A byte order mark is no part of a name.
func TestByteOrderMark(t *testing.T) {
	o, err := config.AuthOptions([]byte("\ufeffusers: {alice: secret}"))
	require.NoError(t, err)
	assert.Equal(t, auth.Options{Users: map[string]string{"alice": "secret"}}, o)
}

// No error has a value in it, whatever stands in front of it.
func TestErrorsHideValues(t *testing.T) {
	for c := byte(' '); c < 0x7f; c++ {
		for _, text := range []string{"users:\n  ci: %chunter2", "users: {ci: %chunter2}", "users: {ci:%chunter2}", "users:\n- ci: %chunter2", "users:\n  ci: x\n%chunter2", "htpasswd: |%chunter2"} {
			text = strings.Replace(text, "%c", string(rune(c)), 1)
			o, err := config.AuthOptions([]byte(text))
			if err == nil {
				_, err = auth.New(o)
			}
			if err != nil {
				assert.NotContains(t, err.Error(), "hunter2", "%q", text)
			}
		}
	}
}

func FuzzAuth(f *testing.F) {
	for _, seed := range []string{"", "users: {alice: secret}", "rules: [{repos: [a/*], actions: [pull]}]\ntoken: {ttl: 5m}", "htpasswd: |\n  a:b\n", "&a [*a]", "? - :", "{}\n...\n{}", "a: 1\n---\n---\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := config.AuthOptions(text)
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
