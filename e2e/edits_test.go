package e2e

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/types/descriptor"
	"github.com/regclient/regclient/types/ref"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// go-containerregistry reads expires_in as a number, and does not read a token response that has
// it as text.
func TestEditTokenResponse(t *testing.T) {
	fixture := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{}}))
	fixture.Push(t, "app:v1", images.Random())
	app, err := name.ParseReference(fixture.Ref("app:v1"))
	require.NoError(t, err)
	head := func() error {
		_, err := remote.Head(app, remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"}))
		return err
	}
	require.NoError(t, head())
	for _, edit := range []faults.Effect{faults.DropField("issued_at"), faults.RenameField("token", "access_token")} {
		rule := fixture.Inject(t, faults.On(op.Token).Do(edit))
		require.NoError(t, head())
		rule[0].Remove()
	}
	fixture.Inject(t, faults.On(op.Token).Do(faults.SetField("expires_in", "300")))
	require.ErrorContains(t, head(), "cannot unmarshal string into Go struct field Token.expires_in of type int")
}

// go-containerregistry sends credentials, and the registry does not get them.
func TestProxyDropsCredentials(t *testing.T) {
	fixture := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}}))
	fixture.Push(t, "app:v1", images.Random())
	fixture.Inject(t, faults.On(op.ManifestHead).Do(faults.DropRequestHeader("Authorization")))
	app, err := name.ParseReference(fixture.Ref("app:v1"))
	require.NoError(t, err)
	_, err = remote.Head(app, remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"}))
	require.ErrorContains(t, err, "401")
	x := fixture.Requests(record.Op(op.ManifestHead))[0]
	assert.Equal(t, http.StatusUnauthorized, x.Status)
	assert.Regexp(t, `^Basic \[redacted:password:[0-9a-f]{16}\]$`, x.Header.Get("Authorization"))
	assert.Equal(t, []string{"without Authorization"}, x.Served)
}

// regclient resumes a blob with Range, and does not go on if a proxy drops it.
func TestProxyDropsRange(t *testing.T) {
	fixture := registrytest.New(t)
	blob := fixture.PushBlob(t, "app", images.RandomContent(1, 1<<20))
	rc := newRegclient(config.Host{Name: fixture.Host(), TLS: config.TLSDisabled})
	app, err := ref.New(fixture.Host() + "/app")
	require.NoError(t, err)
	pull := func() (int64, error) {
		r, err := rc.BlobGet(t.Context(), app, descriptor.Descriptor{Digest: blob.Digest, Size: blob.Size})
		require.NoError(t, err)
		defer r.Close()
		return io.Copy(io.Discard, r)
	}
	cut := faults.On(op.BlobGet).Where(record.Not(record.Header("Range", "*"))).Times(1).Do(faults.Close(1000))
	fixture.Inject(t, cut)
	n, err := pull()
	require.NoError(t, err)
	require.Equal(t, blob.Size, n)
	fixture.Assert(t, record.Header("Range", "*"), record.Status("206")).AtLeast(1)

	fixture.Reset(t)
	blob = fixture.PushBlob(t, "app", images.RandomContent(1, 1<<20))
	fixture.Inject(t, cut, faults.On(op.BlobGet).Named("proxy").Do(faults.DropRequestHeader("Range")))
	_, err = pull()
	require.Error(t, err)
	x := fixture.Requests(record.Faulted("proxy"))[0]
	assert.Equal(t, http.StatusOK, x.Status)
	assert.NotEmpty(t, x.Header.Get("Range"))
	assert.Equal(t, []string{"without Range"}, x.Served)
}

// oras-go compares what it copies with the descriptors.
func TestEditChildren(t *testing.T) {
	fixture := registrytest.New(t)
	fixture.Push(t, "app:v1", images.RandomIndex())
	repo := orasRepository(t, fixture, "app")
	pull := func() error {
		_, err := orasgo.Copy(t.Context(), repo, "v1", memory.New(), "", orasgo.DefaultCopyOptions)
		return err
	}
	require.NoError(t, pull())
	for want, edit := range map[string]faults.Edit{
		"mismatch":            faults.SetField("manifests.0.size", 9), // the digest of the index is not that of its content
		"sha256:0: not found": faults.SetField("manifests.0.digest", "sha256:0").WithDigest(),
	} {
		rule := fixture.Inject(t, faults.On(op.ManifestGet).Tag("v1").Do(edit))
		require.ErrorContains(t, pull(), want)
		rule[0].Remove()
	}
}
