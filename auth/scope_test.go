package auth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
)

func TestParseScope(t *testing.T) {
	for text, want := range map[string]auth.Scope{
		"repository:app:pull":           {Type: "repository", Name: "app", Actions: []string{"pull"}},
		"repository:a/b:push,pull":      {Type: "repository", Name: "a/b", Actions: []string{"pull", "push"}},
		"repository:a:pull,pull,*":      {Type: "repository", Name: "a", Actions: []string{"*", "pull"}},
		"registry:catalog:*":            {Type: "registry", Name: "catalog", Actions: []string{"*"}},
		"repository:host:5000/app:pull": {Type: "repository", Name: "host:5000/app", Actions: []string{"pull"}},
		"repository(plugin):app:pull":   {Type: "repository(plugin)", Name: "app", Actions: []string{"pull"}},
		"repository:app:":               {Type: "repository", Name: "app", Actions: []string{}},
		"repository:app:,":              {Type: "repository", Name: "app", Actions: []string{}},
		"repository:app:pull,":          {Type: "repository", Name: "app", Actions: []string{"pull"}},
		"repository:app:,pull,,push":    {Type: "repository", Name: "app", Actions: []string{"pull", "push"}},
		"repository:../a:Pull":          {Type: "repository", Name: "../a", Actions: []string{"Pull"}},
	} {
		s, err := auth.ParseScope(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, s)
	}
	for _, text := range []string{
		"", "repository", "repository:app", ":app:pull", "repository::pull",
		"repository:app:pu ll", "repository:a\x00:pull", "repository:a\n:pull", `repository:a":pull`, `repository:a\:pull`, "repository:a:pull\t",
		"repository:" + strings.Repeat("a", 4096) + ":pull",
	} {
		_, err := auth.ParseScope(text)
		require.ErrorContains(t, err, "scope ", text)
		assert.Less(t, len(err.Error()), 600)
	}
}

// What is accepted is read again as it was written.
func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"repository:app:pull", "repository:a/b:push,pull,pull", "registry:catalog:*", "a:b:c:d", "::", "a:b:,", "repository:\x7f:\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := auth.ParseScope(text)
		if err != nil {
			return
		}
		if s.Type == "" || s.Name == "" || s.Actions == nil || slices.Contains(s.Actions, "") || strings.ContainsAny(s.String(), "\x00 \r\n\"\\") {
			t.Errorf("%q is accepted as %#v", text, s)
		}
		again, err := auth.ParseScope(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q becomes %q, and that %#v, %v", text, s, again, err)
		}
	})
}
