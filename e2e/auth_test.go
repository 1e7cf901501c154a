package e2e

import (
	"slices"
	"testing"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/stretchr/testify/require"
)

// authScheme is the authentication scheme of a registry.
type authScheme struct {
	name  string
	token *auth.TokenOptions // nil: Basic
}

var (
	basicAuth  = authScheme{name: "Basic"}
	bearerAuth = authScheme{"Bearer", &auth.TokenOptions{}}
	opaqueAuth = authScheme{"Bearer opaque", &auth.TokenOptions{Opaque: true}}
)

// Permissions: user may push to ownRepo, pull from sharedRepo, and do nothing with secret.
// Anonymous clients may pull from public.
const (
	userName, userPassword = "user", "swordfish"

	ownRepo    = "own/" + chartName
	sharedRepo = "shared/" + chartName
	secretRepo = "secret/" + chartName
	publicRepo = "public/" + chartName
)

func (s authScheme) options() auth.Options {
	return auth.Options{
		Users: map[string]string{userName: userPassword},
		Rules: []auth.Rule{
			{Users: []string{userName}, Repos: []string{ownRepo}},
			{Users: []string{userName}, Repos: []string{sharedRepo}, Actions: []registry.Action{registry.Pull}},
			auth.Anonymous(publicRepo),
		},
		Token: s.token,
	}
}

// guest is a client with credentials.
type guest struct {
	client
	place   []registrytest.Option
	schemes []authScheme

	// signIn is what its user does first; nil: it has the password from a program.
	signIn func(s *session) error
	late   bool // signIn does not ask the registry whether the password is right

	parallel bool // it uploads blobs at the same time, even if they should go in turn

	// pushMounting pushes content, and says that a repository has it; nil: it mounts
	// only what it could read itself.
	pushMounting func(s *session, c content, from, to string) error

	// tokens is how many it fetches, those for signing in included.
	tokens costs
}

type costs struct{ push, pull, copy, mount, anonymous span }

// span is a range: the number depends on timing in clients whose parallel requests are challenged
// at the same time.
type span [2]int

func exactly(n int) span { return span{n, n} }

var (
	inMemory   = []registrytest.Option{registrytest.WithInMemory()}
	onLoopback []registrytest.Option
)

var guests = []guest{
	{
		client: goContainerregistry, place: inMemory, schemes: []authScheme{basicAuth, bearerAuth},
		pushMounting: ggcrPushMounting,
		tokens:       costs{push: exactly(1), pull: exactly(1), copy: exactly(3), mount: exactly(2), anonymous: exactly(1)},
	},
	{
		client: orasGo, place: inMemory, schemes: []authScheme{basicAuth, bearerAuth, opaqueAuth},
		pushMounting: orasGoPushMounting,
		tokens:       costs{push: span{2, 4}, pull: exactly(1), copy: span{3, 6}, mount: span{3, 6}},
	},
	{
		// It looks up host names in DNS before it contacts a realm.
		client: regclientGo, place: onLoopback, schemes: []authScheme{basicAuth, bearerAuth},
		tokens: costs{push: exactly(2), pull: exactly(1), copy: exactly(3)},
	},
	{
		client: containerd, place: inMemory, schemes: []authScheme{basicAuth, bearerAuth},
		pushMounting: containerdPushMountingLayout,
		tokens:       costs{push: exactly(1), pull: exactly(1), copy: exactly(3), mount: exactly(2)},
	},
	{
		client: helmGo, place: inMemory, schemes: []authScheme{basicAuth, bearerAuth},
		signIn: helmGoSignIn,
		tokens: costs{push: exactly(2), pull: exactly(2)},
	},
	{
		client: crane, place: onLoopback, schemes: []authScheme{basicAuth, bearerAuth, opaqueAuth},
		signIn: craneSignIn, late: true, parallel: true,
		tokens: costs{push: exactly(1), pull: exactly(1), copy: exactly(3), anonymous: exactly(1)},
	},
	{
		client: oras, place: onLoopback, schemes: []authScheme{basicAuth, bearerAuth},
		signIn: orasSignIn,
		tokens: costs{push: exactly(2), pull: exactly(2), copy: exactly(3)},
	},
	{
		client: regctl, place: onLoopback, schemes: []authScheme{basicAuth, bearerAuth},
		signIn: regctlSignIn,
		tokens: costs{push: exactly(3), pull: exactly(2), copy: exactly(4)},
	},
	{
		client: helm, place: onLoopback, schemes: []authScheme{basicAuth, bearerAuth},
		signIn: helmSignIn,
		tokens: costs{push: exactly(2), pull: exactly(2)},
	},
}

// guarded is a registry that requires authentication. The test itself reads its content through
// another registry without authentication.
func guarded(t *testing.T, access registrytest.Option, place ...registrytest.Option) *target {
	t.Helper()
	r := unchecked(append(slices.Clone(place), access)...)(t)
	open := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithStore(r.registry.Store()))
	r.direct = open.Client()
	return r
}

// as returns a session of a client after login.
func (g guest) as(t *testing.T, r *target, name, password string) (*session, error) {
	t.Helper()
	s := g.anonymous(t, r)
	s.login.Username, s.login.Password = name, password
	if g.signIn == nil {
		return s, nil
	}
	return s, g.signIn(s)
}

func (g guest) anonymous(t *testing.T, r *target) *session {
	t.Helper()
	s := &session{target: r, t: t, login: &registrytest.Credentials{Host: r.base.Host}}
	s.home = s.newHome()
	return s
}

// asUser returns a session of the user with the right password.
func (g guest) asUser(t *testing.T, r *target) *session {
	t.Helper()
	s, err := g.as(t, r, userName, userPassword)
	require.NoError(t, err)
	return s
}

// TestAuth tests clients with registries that require authentication.
func TestAuth(t *testing.T) {
	for _, g := range guests {
		for _, scheme := range g.schemes {
			for _, step := range authSteps {
				if step.can != nil && !step.can(g) {
					continue
				}
				t.Run(g.name+"/"+scheme.name+"/"+step.name, func(t *testing.T) {
					t.Parallel()
					access := registrytest.WithAuth(scheme.options())
					if step.access != nil {
						access = step.access(t, scheme.options())
					}
					r := guarded(t, access, g.place...)
					step.run(t, g, r)
					r.registry.Check(t)
					requireDiscreet(t, r, scheme)
					if scheme.token != nil && step.tokens != nil {
						want, got := step.tokens(g), tokensFetched(r)
						require.True(t, want[0] <= got && got <= want[1], "%d tokens were fetched, not %d to %d", got, want[0], want[1])
					}
				})
			}
		}
	}
}
