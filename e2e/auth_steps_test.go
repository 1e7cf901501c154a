package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// authStep is a step of clients with a registry that requires authentication. Each step has its own
// registry.
type authStep struct {
	name   string
	run    func(*testing.T, guest, *target)
	can    func(guest) bool // nil: every client can
	tokens func(guest) span // nil: however many

	// access is what the registry asks with; nil: registrytest.WithAuth.
	access func(*testing.T, auth.Options) registrytest.Option
}

var authSteps = []authStep{
	{name: "push", run: pushesAsUser, tokens: func(g guest) span { return g.tokens.push }},
	{name: "pull", run: pullsAsUser, tokens: func(g guest) span { return g.tokens.pull }},
	{name: "redirected pull", run: pullsFromElsewhere, tokens: func(g guest) span { return g.tokens.pull }},
	{name: "anonymous pull", run: pullsAnonymously, tokens: func(g guest) span { return g.tokens.anonymous }},
	{
		name: "copy", run: copiesAsUser, tokens: func(g guest) span { return g.tokens.copy },
		can: func(g guest) bool { return g.copy != nil },
	},
	{
		name: "mount of a secret", run: mayNotMount, tokens: func(g guest) span { return g.tokens.mount },
		can: func(g guest) bool { return g.pushMounting != nil },
	},
	{
		name: "copy without mounts", run: copiesWithoutMounts, access: withoutMounts,
		can: func(g guest) bool { return g.copy != nil },
	},
	{name: "forbidden push", run: mayNotPush},
	{name: "forbidden pull", run: mayNotPull},
	{name: "anonymous push", run: mayNotPushAnonymously},
	{name: "wrong password", run: knowsNoPassword},
}

const authTag = "1.0.0"

// stocked adds content to a repository without a request.
func (g guest) stocked(t *testing.T, r *target, repo string) content {
	t.Helper()
	c := g.newContent(t, authTag)
	r.registry.Load(t, repo, c.dir)
	return c
}

func pushesAsUser(t *testing.T, g guest, r *target) {
	s, c := g.asUser(t, r), g.newContent(t, authTag)
	require.NoError(t, g.push(s, c, r.ref(ownRepo, authTag)))
	s.holds(t, ownRepo, authTag, c)
}

func pullsAsUser(t *testing.T, g guest, r *target) {
	s, c := g.asUser(t, r), g.stocked(t, r, sharedRepo)
	s.pulls(t, g.client, r.ref(sharedRepo, authTag), c)
}

// copiesAsUser copies content that the user may pull, with mounts and without uploads.
func copiesAsUser(t *testing.T, g guest, r *target) {
	s, c := g.asUser(t, r), g.stocked(t, r, sharedRepo)
	require.NoError(t, g.copy(s, r.ref(sharedRepo, authTag), r.ref(ownRepo, authTag)))
	s.holds(t, ownRepo, authTag, c)
	mounts := s.find(op.BlobMount, ownRepo, http.StatusCreated)
	assert.NotEmpty(t, mounts)
	for _, mount := range mounts {
		assert.Equal(t, sharedRepo, mount.From)
	}
	for _, upload := range s.find(op.UploadCommit, ownRepo, http.StatusCreated) {
		assert.NotEqual(t, layerSize, len(c.blobs[upload.Digest]), "a layer was uploaded again")
	}
}

// mayNotMount tries to mount content that the user may not pull, and then uploads it.
func mayNotMount(t *testing.T, g guest, r *target) {
	s, c := g.asUser(t, r), g.stocked(t, r, secretRepo)
	require.NoError(t, g.pushMounting(s, c, r.ref(secretRepo, authTag), r.ref(ownRepo, authTag)))
	s.holds(t, ownRepo, authTag, c)
	requireMountsRefused(t, s, secretRepo)
}

// unmountable refuses mounts from other repositories.
type unmountable struct{ *auth.Service }

func (u unmountable) Authorize(ctx context.Context, who auth.Identity, access auth.Access) error {
	if access.Action == registry.Pull && inflight.Of(ctx).Info().Op == op.BlobMount {
		return errors.New("nothing is mounted here")
	}
	return u.Service.Authorize(ctx, who, access)
}

func withoutMounts(t *testing.T, options auth.Options) registrytest.Option {
	service, err := auth.New(options)
	require.NoError(t, err)
	return registrytest.WithAuthenticator(unmountable{service})
}

// copiesWithoutMounts copies content that the user may pull, but not mount.
func copiesWithoutMounts(t *testing.T, g guest, r *target) {
	s, c := g.asUser(t, r), g.stocked(t, r, sharedRepo)
	require.NoError(t, g.copy(s, r.ref(sharedRepo, authTag), r.ref(ownRepo, authTag)))
	s.holds(t, ownRepo, authTag, c)
	requireMountsRefused(t, s, sharedRepo)
}

func requireMountsRefused(t *testing.T, s *session, from string) {
	t.Helper()
	assert.Empty(t, s.find(op.BlobMount, ownRepo, http.StatusCreated))
	mounts := s.find(op.BlobMount, ownRepo, http.StatusAccepted)
	assert.NotEmpty(t, mounts)
	for _, mount := range mounts {
		assert.Contains(t, []string{from, ""}, mount.From) // regclient tries to mount from anywhere then
	}
}

// refusals are parts of error messages about missing permissions, in lower case; the last one if
// oras-go has no credentials.
var refusals = []string{"unauthorized", "denied", "401", "403", "basic credential not found"}

// requireRefused checks that an error reports a missing permission.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, word := range refusals {
		if strings.Contains(strings.ToLower(err.Error()), word) {
			t.Logf("refused: %v", err)
			return
		}
	}
	t.Fatalf("the error has none of %q: %v", refusals, err)
}

func mayNotPush(t *testing.T, g guest, r *target) {
	s, c := g.asUser(t, r), g.newContent(t, authTag)
	requireRefused(t, g.push(s, c, r.ref(sharedRepo, authTag)))
	requireNothingIn(t, r, sharedRepo)
}

func requireNothingIn(t *testing.T, r *target, repo string) {
	t.Helper()
	status, _, body := r.get(t, repo+"/tags/list")
	require.Equal(t, http.StatusNotFound, status, "%s", body)
}

func mayNotPull(t *testing.T, g guest, r *target) {
	s := g.asUser(t, r)
	g.stocked(t, r, secretRepo)
	requireNotPulled(t, g, s, secretRepo)
}

func requireNotPulled(t *testing.T, g guest, s *session, repo string) {
	t.Helper()
	dir := t.TempDir()
	requireRefused(t, g.pull(s, s.ref(repo, authTag), dir))
	require.Empty(t, readBlobs(t, dir))
	require.Empty(t, s.registry.Requests(record.Repo(repo), record.Status("2xx")))
}

// knowsNoPassword is refused at login, or at the pull if login does not contact the registry.
func knowsNoPassword(t *testing.T, g guest, r *target) {
	g.stocked(t, r, sharedRepo)
	s, err := g.as(t, r, userName, "wrong")
	if g.signIn != nil && !g.late {
		requireRefused(t, err)
		return
	}
	require.NoError(t, err)
	requireNotPulled(t, g, s, sharedRepo)
}

func pullsAnonymously(t *testing.T, g guest, r *target) {
	s, c := g.anonymous(t, r), g.stocked(t, r, publicRepo)
	s.pulls(t, g.client, r.ref(publicRepo, authTag), c)
	require.Empty(t, r.registry.Requests(record.Match(func(x *record.Exchange) bool { return x.Scheme == "Basic" })))
}

func mayNotPushAnonymously(t *testing.T, g guest, r *target) {
	s, c := g.anonymous(t, r), g.newContent(t, authTag)
	requireRefused(t, g.push(s, c, r.ref(publicRepo, authTag)))
	requireNothingIn(t, r, publicRepo)
}

// pullsFromElsewhere is redirected to another host for blobs.
func pullsFromElsewhere(t *testing.T, g guest, r *target) {
	r.registry.Inject(t, faults.On(op.BlobGet).Do(faults.Redirect(http.StatusTemporaryRedirect, "{cdn}")))
	s, c := g.asUser(t, r), g.stocked(t, r, sharedRepo)
	s.pulls(t, g.client, r.ref(sharedRepo, authTag), c)
	require.NotEmpty(t, r.registry.Requests(record.Op(op.External), record.Status("200")))
}

// requireDiscreet checks that credentials were sent only to the registry, and, with a token
// service, passwords only to that.
func requireDiscreet(t *testing.T, r *target, s authScheme) {
	t.Helper()
	for _, x := range r.registry.Requests() {
		if x.Scheme == "" {
			continue
		}
		require.Contains(t, []string{userName, ""}, x.Subject, "credentials of another host")
		require.Equal(t, r.base.Host, x.Host, "%s was sent to another host:\n%s", x.Scheme, x.Target)
		require.NotEqual(t, op.External, x.Op, "%s was sent to another origin", x.Scheme)
		if s.token != nil {
			require.Equal(t, x.Op == op.Token, x.Scheme == "Basic", "%s for %s", x.Scheme, x.Op)
		} else {
			require.Equal(t, "Basic", x.Scheme)
		}
	}
}

// tokensFetched returns the number of issued tokens.
func tokensFetched(r *target) int {
	return len(r.registry.Requests(record.Op(op.Token), record.Status("200")))
}
