package e2e

import (
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// oddRegistries are registries with configurations that change what their clients see. userName may
// do everything there.
var oddRegistries = []struct {
	name  string
	users bool                    // it has users
	start func(*testing.T) string // the URL
}{
	{"olareg", false, func(t *testing.T) string {
		yes, no := true, false
		s := olareg.New(olaregconfig.Config{
			Storage: olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreMem},
			API: olaregconfig.ConfigAPI{
				DeleteEnabled: &yes,
				Manifest:      olaregconfig.ConfigAPIManifest{Limit: 64 << 10, SparseImage: &yes},
				Referrer:      olaregconfig.ConfigAPIReferrer{Enabled: &no},
			},
			Log: slog.New(slog.DiscardHandler),
		})
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		return listening(t, s).URL
	}},
	{"zot", true, func(t *testing.T) string {
		o := oddZot
		o.TLS, o.Users = false, map[string]string{userName: userPassword}
		return zot.Start(t, o).URL
	}},
}

// TestServeProbed measures registries with odd configurations with "ocifake probe", serves what it
// has written with "ocifake serve --profile", and has crane and regctl, which have no part in the
// measurement, use both. They make the same exchanges with the profile as with the registry, which
// "ocifake serve --upstream" records.
func TestServeProbed(t *testing.T) {
	for _, odd := range oddRegistries {
		t.Run(odd.name, func(t *testing.T) {
			real := odd.start(t)
			var login []string
			if odd.users {
				login = []string{"--user", userName + ":" + userPassword}
			}
			profile := filepath.Join(t.TempDir(), "mine.yaml")
			measured, err := output(exec.CommandContext(t.Context(), ocifake(t), append([]string{"probe", real}, login...)...))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(profile, []byte(measured), 0o600))
			checked, err := output(exec.CommandContext(t.Context(), ocifake(t), append([]string{"profiles", "check", profile, "--against", real}, login...)...))
			require.NoError(t, err)
			assert.Regexp(t, `^\d+ traits are equal, 0 differ$`, checked)

			for _, user := range []struct {
				client
				signIn func(*session) error
			}{{crane, craneSignIn}, {regctl, regctlSignIn}} {
				t.Run(user.name, func(t *testing.T) {
					image := newImage(t, "v1")
					want, done := exchangesOf(t, "registry", user.client, user.signIn, image, "--upstream", odd.start(t)) // an empty one
					got, doneWithProfile := exchangesOf(t, "profile", user.client, user.signIn, image, slices.Concat(login, []string{"--profile", profile})...)
					assert.Greater(t, len(want), 20)
					assert.Empty(t, strings.Join(differences(want, got), "\n"))
					assert.Equal(t, done, doneWithProfile)
					strict, _ := exchangesOf(t, "strict", user.client, user.signIn, image, login...)
					assert.NotEmpty(t, differences(want, strict))
				})
			}
		})
	}
}

// exchangesOf returns what a client and "ocifake serve" with the flags say to one another, in the form
// in which exchanges are compared, and what the client could do.
func exchangesOf(t *testing.T, name string, c client, signIn func(*session) error, image content, flags ...string) (all []fidelity.Exchange, outcomes []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "requests.jsonl")
	var base *url.URL
	t.Run(name, func(t *testing.T) { // the file is whole when serve has ended
		base = serve(t, append(flags, "--requests", file)...).url
		s := &session{target: &target{base: base}, t: t, login: &registrytest.Credentials{Host: base.Host, Username: userName, Password: userPassword}}
		s.home = s.newHome()
		inTurn := strings.Replace(s.regctlConfig(), `"tls"`, `"reqConcurrent":1,"tls"`, 1) // which requests are refused first does not vary
		require.NoError(t, os.WriteFile(filepath.Join(s.home, regctlConfig), []byte(inTurn), 0o600))
		outcomes = useCommands(s, c, signIn, image)
	})
	recorded, err := os.Open(file)
	require.NoError(t, err)
	defer recorded.Close()
	log, err := record.ReadJSONL(recorded)
	require.NoError(t, err)
	placeholders := strings.NewReplacer("http://"+base.Host, "<origin>", base.Host, "<host>", url.QueryEscape(base.Host), "<host>")
	for _, x := range log {
		all = append(all, fidelity.FormOf(x, placeholders))
	}
	return all, outcomes
}

// differences returns in what the exchanges of a client differ from others, each difference once.
// Clients send requests at the same time, so that neither the order of the answers to a request counts,
// nor how often it is sent before the client has learned that it needs credentials.
func differences(want, got []fidelity.Exchange) []string {
	asked := func(x fidelity.Exchange) string { return strings.TrimSpace(x.Request + " " + x.Auth) }
	lacks := func(list, other []fidelity.Exchange) (rest []fidelity.Exchange) {
		for _, x := range list {
			if !slices.ContainsFunc(other, func(y fidelity.Exchange) bool {
				return asked(x) == asked(y) && len(fidelity.Compare(x.Answer, y.Answer)) == 0
			}) {
				rest = append(rest, x)
			}
		}
		return rest
	}
	all := map[string]bool{}
	for _, x := range lacks(want, got) {
		all[fmt.Sprintf("%s: no answer %d: %+v", asked(x), x.Answer.Status, x.Answer)] = true
	}
	for _, x := range lacks(got, want) {
		all[fmt.Sprintf("%s: surplus answer %d: %+v", asked(x), x.Answer.Status, x.Answer)] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// useCommands pushes, lists, copies, pulls and deletes with a command, and returns which of that
// succeeds. What fails fails with both registries.
func useCommands(s *session, c client, signIn func(*session) error, image content) []string {
	const repo, other = "team/app", "team/other"
	var outcomes []string
	done := func(what string, err error) {
		outcome := what + ": done"
		if err != nil {
			outcome = what + ": failed"
		}
		outcomes = append(outcomes, outcome)
	}
	done("sign in", signIn(s))
	_, err := c.resolve(s, s.ref(repo, "v1"))
	done("resolve in an absent repository", err)
	_, err = c.tags(s, repo)
	done("list an absent repository", err)
	done("push", c.push(s, image, s.ref(repo, "v1")))
	done("push again", c.push(s, image, s.ref(repo, "v1")))
	_, err = c.resolve(s, s.ref(repo, "v1"))
	done("resolve", err)
	_, err = c.resolve(s, s.ref(repo, "absent"))
	done("resolve an absent tag", err)
	done("tag", c.tag(s, s.ref(repo, "v1"), "v2"))
	_, err = c.tags(s, repo)
	done("list", err)
	done("copy", c.copy(s, s.ref(repo, "v1"), s.ref(other, "v1")))
	_, err = c.catalog(s)
	done("list repositories", err)
	done("pull", c.pull(s, s.ref(repo, "v1"), filepath.Join(s.t.TempDir(), "pulled")))
	done("pull by digest", c.pull(s, s.ref(repo, string(image.root.Digest)), filepath.Join(s.t.TempDir(), "pulled")))
	if c.attach != nil {
		done("attach", c.attach(s, s.ref(repo, "v1"), "application/vnd.test"))
		_, err = c.referrers(s, s.ref(repo, "v1"), "application/vnd.test")
		done("list referrers", err)
	}
	done("delete", c.delete(s, s.ref(repo, string(image.root.Digest))))
	done("delete again", c.delete(s, s.ref(repo, string(image.root.Digest))))
	_, err = c.resolve(s, s.ref(repo, "v1"))
	done("resolve what was deleted", err)
	_, err = c.tags(s, repo)
	done("list what was deleted", err)
	return outcomes
}
