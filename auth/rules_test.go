package auth_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registry"
)

func TestRules(t *testing.T) {
	pull, push := []registry.Action{registry.Pull}, []registry.Action{registry.Push}
	alice := []string{"alice"}
	for name, test := range map[string]struct {
		rules []auth.Rule
		may   string // of the questions below, those answered with yes
	}{
		"none":                   {nil, "alice:a alice:team/a alice:team/x/b alice+a alice+team/a bob:a bob:team/a bob:team/x/b bob+a bob+team/a alice? bob?"},
		"one that says nothing":  {[]auth.Rule{{}}, ":a :team/a :team/x/b +a +team/a alice:a alice:team/a alice:team/x/b alice+a alice+team/a bob:a bob:team/a bob:team/x/b bob+a bob+team/a ? alice? bob?"},
		"everybody may pull":     {[]auth.Rule{auth.Anonymous()}, ":a :team/a :team/x/b alice:a alice:team/a alice:team/x/b bob:a bob:team/a bob:team/x/b"},
		"some may be pulled":     {[]auth.Rule{auth.Anonymous("team/*")}, ":team/a :team/x/b alice:team/a alice:team/x/b bob:team/a bob:team/x/b"},
		"exactly one":            {[]auth.Rule{auth.Anonymous("a")}, ":a alice:a bob:a"},
		"slashes in the pattern": {[]auth.Rule{auth.Anonymous("team/*/b", "*m/a")}, ":team/a :team/x/b alice:team/a alice:team/x/b bob:team/a bob:team/x/b"},
		"a user":                 {[]auth.Rule{{Users: alice, Actions: pull}}, "alice:a alice:team/a alice:team/x/b"},
		"users by pattern":       {[]auth.Rule{{Users: []string{"b*"}, Repos: []string{"a"}}}, "bob:a bob+a bob?"},
		"any user, not anybody":  {[]auth.Rule{{Users: []string{"*"}, Repos: []string{"a"}, Actions: pull}}, "alice:a bob:a"},
		"the empty name":         {[]auth.Rule{{Users: []string{""}}}, ""},
		"push is not pull":       {[]auth.Rule{{Users: alice, Actions: push}}, "alice+a alice+team/a"},
		"added up":               {[]auth.Rule{{Users: alice, Repos: []string{"a"}, Actions: pull}, {Users: alice, Repos: []string{"team/a"}, Actions: push}}, "alice:a alice+team/a"},
		"catalog":                {[]auth.Rule{{Users: alice, Actions: []registry.Action{auth.Catalog}}}, "alice?"},
		"catalog for everybody":  {[]auth.Rule{{Actions: []registry.Action{auth.Catalog}}}, "? alice? bob?"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := auth.New(auth.Options{Rules: test.rules})
			require.NoError(t, err)
			var may []string
			ask := func(user, how string, a auth.Access) {
				who := auth.Identity{Subject: user, Scheme: "Basic"}
				if user == "" {
					who = auth.Identity{}
				}
				if s.Authorize(t.Context(), who, a) == nil {
					may = append(may, user+how)
				}
			}
			for _, user := range []string{"", "alice", "bob"} {
				for _, repo := range []string{"a", "team/a", "team/x/b"} {
					ask(user, ":"+repo, auth.Access{Repo: repo, Action: registry.Pull})
				}
				for _, repo := range []string{"a", "team/a"} {
					ask(user, "+"+repo, auth.Access{Repo: repo, Action: registry.Push})
				}
			}
			for _, user := range []string{"", "alice", "bob"} {
				ask(user, "?", auth.Access{Catalog: true})
			}
			assert.Equal(t, test.may, strings.Join(may, " "))
		})
	}
}

// The zero value lets nobody in.
func TestZeroOptions(t *testing.T) {
	for _, token := range []*auth.TokenOptions{nil, {}} {
		f := newFixture(t, auth.Options{Token: token})
		f.push("app")
		for _, as := range []who{anonymous, basic("", ""), basic("a", ""), bearer("")} {
			assert.Equal(t, 401, f.get(as, "/v2/").Status)
			assert.Equal(t, 401, f.get(as, "/v2/app/manifests/v1").Status)
		}
	}
}

// Who need not log in to pull must still do so to use the registry as such, which
// is how clients find out where tokens come from.
func TestAnonymousPull(t *testing.T) {
	rules := []auth.Rule{auth.Anonymous("public/*"), {Users: []string{"alice"}}}
	users := map[string]string{"alice": "secret"}
	t.Run("Basic", func(t *testing.T) {
		f := newFixture(t, auth.Options{Users: users, Rules: rules})
		f.push("public/app")
		f.push("private/app")
		assert.Equal(t, 200, f.get(anonymous, "/v2/public/app/manifests/v1").Status)
		assert.Equal(t, 401, f.get(anonymous, "/v2/private/app/manifests/v1").Status)
		assert.Equal(t, 401, f.get(anonymous, "/v2/").Status)
		assert.Equal(t, 401, f.do(anonymous, "POST", "/v2/public/app/blobs/uploads/", "").Status)
		assert.Equal(t, 401, f.get(basic("alice", "wrong"), "/v2/public/app/manifests/v1").Status, "wrong is worse than none")
	})
	t.Run("Bearer", func(t *testing.T) {
		f := newFixture(t, auth.Options{Users: users, Rules: rules, Token: &auth.TokenOptions{}})
		f.push("public/app")
		f.push("private/app")
		assert.Equal(t, 200, f.get(anonymous, "/v2/public/app/manifests/v1").Status, "not even a token is needed")
		assert.Equal(t, 401, f.get(anonymous, "/v2/").Status)
		got := f.askToken(anonymous, "repository:public/app:pull,push repository:private/app:pull").token(t)
		assert.Equal(t, "repository:public/app:pull", got.Scope)
		as := bearer(got.Token)
		assert.Equal(t, 200, f.get(as, "/v2/").Status)
		assert.Equal(t, 200, f.get(as, "/v2/public/app/manifests/v1").Status)
		assert.Equal(t, 401, f.get(as, "/v2/private/app/manifests/v1").Status)
	})
}

// TestHide: what somebody may not do is refused in the way that the option says,
// and the same whether the repository exists or not.
func TestHide(t *testing.T) {
	rules := []auth.Rule{
		{Users: []string{"alice"}, Repos: []string{"app", "empty"}, Actions: []registry.Action{registry.Pull}},
		{Users: []string{"boss"}},
	}
	type want struct {
		status    int
		code      string
		challenge bool
	}
	unauthorized, denied := want{401, "UNAUTHORIZED", true}, want{403, "DENIED", false}
	unknown, noCatalog := want{404, "NAME_UNKNOWN", false}, want{404, "UNSUPPORTED", false}
	for _, test := range []struct {
		hide                   int
		bearer                 bool
		unseen, seen, upgraded want // may not pull; may pull and not push; the token lacks what the user may do
		catalog                want
	}{
		{0, false, denied, denied, want{}, denied},
		{401, false, unauthorized, unauthorized, want{}, unauthorized},
		{403, false, denied, denied, want{}, denied},
		{404, false, unknown, denied, want{}, noCatalog},
		{0, true, unauthorized, unauthorized, unauthorized, unauthorized},
		{401, true, unauthorized, unauthorized, unauthorized, unauthorized},
		{403, true, denied, denied, unauthorized, denied},
		{404, true, unknown, denied, unauthorized, noCatalog},
	} {
		t.Run(fmt.Sprintf("%d bearer=%t", test.hide, test.bearer), func(t *testing.T) {
			options := auth.Options{Users: map[string]string{"alice": "secret"}, Rules: rules, Hide: test.hide}
			if test.bearer {
				options.Token = &auth.TokenOptions{}
			}
			f := newFixture(t, options)
			f.push("app")
			f.push("secret")
			as := basic("alice", "secret")
			if test.bearer {
				as = bearer(f.token(as, "repository:app:pull,push repository:secret:pull,push repository:missing:pull,push repository:empty:pull"))
			}
			check := func(w want, as who, method, target string) answer {
				a := f.do(as, method, target, "")
				assert.Equal(t, w, want{a.Status, a.Code, a.Challenge != nil}, "%s %s", method, target)
				return a
			}
			for _, path := range []string{"manifests/v1", "tags/list", "blobs/sha256:" + strings.Repeat("0", 64), "referrers/sha256:" + strings.Repeat("0", 64)} {
				there := check(test.unseen, as, "GET", "/v2/secret/"+path)
				missing := check(test.unseen, as, "GET", "/v2/missing/"+path)
				assert.Equal(t, there.Header, renamed(missing, "missing", "secret").Header)
				assert.Equal(t, there.Body, renamed(missing, "missing", "secret").Body)
			}
			check(test.unseen, as, "POST", "/v2/secret/blobs/uploads/")
			check(test.unseen, as, "DELETE", "/v2/secret/manifests/v1")
			check(test.seen, as, "POST", "/v2/app/blobs/uploads/")
			check(test.seen, as, "DELETE", "/v2/app/manifests/v1")
			check(test.catalog, as, "GET", "/v2/_catalog")
			if test.bearer {
				check(test.upgraded, bearer(f.token(basic("alice", "secret"))), "GET", "/v2/app/manifests/v1")
			}
			if test.hide == http.StatusNotFound {
				hidden, empty := f.get(as, "/v2/secret/tags/list"), f.get(as, "/v2/empty/tags/list")
				assert.Equal(t, hidden.Body, renamed(empty, "empty", "secret").Body, "as for one that is not there")
			}
			check(unauthorized, anonymous, "GET", "/v2/secret/manifests/v1")
			check(unauthorized, anonymous, "GET", "/v2/missing/manifests/v1")
		})
	}
}

// renamed is the answer as it would be for another repository.
func renamed(a answer, old, new string) answer {
	a.Body = strings.ReplaceAll(a.Body, old, new)
	header := http.Header{}
	for name, values := range a.Header {
		for _, value := range values {
			header.Add(name, strings.ReplaceAll(value, old, new))
		}
	}
	if header.Get("Content-Length") != "" {
		header.Set("Content-Length", fmt.Sprint(len(a.Body)))
	}
	a.Header = header
	return a
}

// The catalog has what may be pulled, and n counts that alone.
func TestCatalog(t *testing.T) {
	rules := []auth.Rule{
		{Users: []string{"alice"}, Repos: []string{"mine/*"}},
		{Users: []string{"alice"}, Repos: []string{"pushed/*"}, Actions: []registry.Action{registry.Push}},
		auth.Anonymous("public"),
		{Actions: []registry.Action{auth.Catalog}},
	}
	everyScheme(t, func(t *testing.T, token *auth.TokenOptions, certificates bool) {
		f := newFixture(t, auth.Options{Users: map[string]string{"alice": "secret"}, Rules: rules, Token: token, CertificateLogin: certificates})
		for _, repo := range []string{"a", "b", "mine/c", "mine/d", "mine/e", "n", "public", "pushed/x", "z"} {
			f.push(repo)
		}
		as := basic("alice", "secret")
		switch {
		case certificates:
			as = certificate("alice")
		case token != nil:
			as = bearer(f.token(as, "registry:catalog:*"))
		}
		assert.JSONEq(t, `{"repositories":["mine/c","mine/d","mine/e","public"]}`, f.get(as, "/v2/_catalog").Body)
		for _, page := range []struct{ query, want, next string }{
			{"n=3", `{"repositories":["mine/c","mine/d","mine/e"]}`, `</v2/_catalog?last=mine%2Fe&n=3>; rel="next"`},
			{"n=3&last=mine/e", `{"repositories":["public"]}`, ""},
			{"n=4", `{"repositories":["mine/c","mine/d","mine/e","public"]}`, ""},
			{"n=1&last=a", `{"repositories":["mine/c"]}`, `</v2/_catalog?last=mine%2Fc&n=1>; rel="next"`},
			{"n=0", `{"repositories":[]}`, ""},
		} {
			a := f.get(as, "/v2/_catalog?"+page.query)
			assert.JSONEq(t, page.want, a.Body, page.query)
			assert.Equal(t, page.next, a.Header.Get("Link"), page.query)
		}
		if token == nil {
			assert.JSONEq(t, `{"repositories":["public"]}`, f.get(anonymous, "/v2/_catalog").Body)
			return
		}
		anybody := bearer(f.token(anonymous, "registry:catalog:*"))
		assert.JSONEq(t, `{"repositories":["public"]}`, f.get(anybody, "/v2/_catalog").Body)
	})
}
