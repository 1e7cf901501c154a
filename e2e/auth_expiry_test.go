package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// renewal is what a client does when credentials end in the middle of a push: it
// recovers, or fails with an error that this expression matches. Empty: it makes no
// such request.
type renewal struct {
	client string

	// A token ends before
	chunk     string // a PATCH is looked at
	closing   string // the last PUT of a blob
	manifest  string // the PUT of the manifest
	secondUse string // the second request that it is for

	// A password ends, which a cloud registry gave out for a time; nobody has another.
	password string
}

const recovers = "recovers"

var renewals = []renewal{
	// The PATCH is sent again, with the file that net/http closed after the first: see
	// patchesEnded.
	{"go-containerregistry", "file already closed", recovers, recovers, recovers, "UNAUTHORIZED: authentication required: the user is unknown, or the password is wrong"},
	// A command uploads in parallel, and does not wait for net/http to close the file: what
	// fails first may be the config, which is not a file, a file that another request is
	// still reading, or a request that is refused with the second token, too.
	{"crane", "file already closed|with Body length [0-9]+|UNAUTHORIZED|401", recovers, recovers, recovers, "UNAUTHORIZED: authentication required: the user is unknown, or the password is wrong"},

	// A blob cannot be read again, a manifest can.
	{"oras-go", "", "401: unauthorized: authentication required: the token .*was revoked", recovers, recovers, "401: unauthorized: authentication required: the user is unknown, or the password is wrong"},
	{"oras", "", "unauthorized: authentication required: the token .*was revoked", recovers, recovers, "unauthorized: authentication required: the user is unknown, or the password is wrong"},
	{"helm library", "", "401: unauthorized: authentication required: the token .*was revoked", recovers, recovers, "401: unauthorized: authentication required: the user is unknown, or the password is wrong"},
	{"helm", "", "401: unauthorized: authentication required: the token .*was revoked", recovers, recovers, "401: unauthorized: authentication required: the user is unknown, or the password is wrong"},

	// A challenge for scopes that its token has is not answered before the time that
	// the token was to live for. The second request needs another scope.
	{"regclient", "", "unauthorized", "failed to put manifest", recovers, "unauthorized"},
	{"regctl", "unauthorized", "unauthorized", "failed to put manifest", recovers, "unauthorized"},

	{"containerd", "", recovers, recovers, recovers, "401 Unauthorized\nunauthorized: authentication required: the user is unknown, or the password is wrong"},
}

// expiry is a way in which credentials end in the middle of a push.
type expiry struct {
	name    string
	basic   bool // passwords end, rather than tokens
	outcome func(renewal) string
	set     func(t *testing.T, r *registrytest.Registry, g guest)
}

var expiries = []expiry{
	{"chunk", false, func(r renewal) string { return r.chunk }, func(t *testing.T, r *registrytest.Registry, g guest) {
		if g.parallel { // the upload of the config may recover, and the first that does not ends the push
			r.Inject(t, revoked(op.UploadChunk).Times(g.uploads()).Optional())
			return
		}
		r.Inject(t, revoked(op.UploadChunk).Times(1))
	}},
	{"closing PUT", false, func(r renewal) string { return r.closing }, revokeBeforeLastPUT},
	{"manifest", false, func(r renewal) string { return r.manifest }, func(t *testing.T, r *registrytest.Registry, _ guest) {
		r.Inject(t, revoked(op.ManifestPut).Times(1))
	}},
	{"second use", false, func(r renewal) string { return r.secondUse }, func(_ *testing.T, r *registrytest.Registry, _ guest) {
		r.AuthService().Next(auth.Life{Uses: 1})
	}},
	{"password", true, func(r renewal) string { return r.password }, revokeBeforeLastPUT},
}

// revoked is a rule by which all credentials end that were given out, before those
// of a request are looked at.
func revoked(o op.Op) faults.Rule {
	return faults.On(o).BeforeAuth().Do(faults.RevokeTokens())
}

// revokeBeforeLastPUT waits for the last upload, since clients upload in parallel.
func revokeBeforeLastPUT(t *testing.T, r *registrytest.Registry, g guest) {
	r.Inject(t, revoked(op.UploadCommit).After(g.uploads()-1).Times(1))
}

// TestAuthExpiry ends credentials in the middle of a push, and compares what
// clients make of that with the table.
func TestAuthExpiry(t *testing.T) {
	for _, g := range guests {
		for _, scheme := range g.schemes {
			for _, e := range expiries {
				want := e.outcome(renewalOf(t, g))
				if want == "" || e.basic != (scheme.token == nil) {
					continue
				}
				t.Run(g.name+"/"+scheme.name+"/"+e.name, func(t *testing.T) {
					t.Parallel()
					g.outlives(t, scheme, e, want)
				})
			}
		}
	}
}

func renewalOf(t *testing.T, g guest) renewal {
	t.Helper()
	for _, r := range renewals {
		if r.client == g.name {
			return r
		}
	}
	require.Fail(t, "not in the table", g.name)
	return renewal{}
}

// patchesEnded is a transport that answers a PATCH when its body is closed. net/http may
// answer before, when a registry does not wait for the body, and asks those who send a
// body again to wait for its end (see http.RoundTripper). go-containerregistry does not:
// without this, its second attempt may find the file still open, and what the first has
// left of it.
type patchesEnded struct{ http.RoundTripper }

func (p patchesEnded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPatch || req.Body == nil {
		return p.RoundTripper.RoundTrip(req)
	}
	sending, closed := context.WithCancel(req.Context())
	sent := req.WithContext(req.Context())
	sent.Body = closingBody{req.Body, closed}
	res, err := p.RoundTripper.RoundTrip(sent)
	<-sending.Done()
	return res, err
}

// closingBody tells when it is closed.
type closingBody struct {
	io.ReadCloser
	closed func()
}

func (b closingBody) Close() error {
	defer b.closed()
	return b.ReadCloser.Close()
}

func (g guest) outlives(t *testing.T, scheme authScheme, e expiry, want string) {
	r := guarded(t, registrytest.WithAuth(scheme.options()), g.place...)
	r.transport = patchesEnded{r.transport}
	password := userPassword
	if e.basic {
		password = r.registry.Login(t, userName).Password
	}
	s, err := g.as(t, r, userName, password)
	require.NoError(t, err)
	s.inTurn = true
	c := g.newContent(t, authTag)
	before := r.registry.Mark()
	e.set(t, r.registry, g)

	err = g.push(s, c, r.ref(ownRepo, authTag))
	requireDiscreet(t, r, scheme)
	assert.NotEmpty(t, r.registry.Requests(record.Since(before), record.Authenticated(), record.Status("401")), "nothing has ended")
	if want != recovers {
		require.Error(t, err)
		require.Regexp(t, want, err.Error())
		requireNoTag(t, r, ownRepo)
		return
	}
	require.NoError(t, err)
	s.holds(t, ownRepo, authTag, c)
	r.registry.Check(t)
	assert.GreaterOrEqual(t, tokensFetched(r), 2)
}

// uploads is how many blobs the client pushes of its content: layers and a config.
func (g guest) uploads() int {
	if g.content != nil {
		return 2 // of a chart
	}
	return 3
}

func requireNoTag(t *testing.T, r *target, repo string) {
	t.Helper()
	_, _, body := r.get(t, repo+"/tags/list")
	require.NotContains(t, strings.ToLower(string(body)), authTag)
}
