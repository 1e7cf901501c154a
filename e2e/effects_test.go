package e2e

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/scheme/reg"
	"github.com/regclient/regclient/types/descriptor"
	"github.com/regclient/regclient/types/ref"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	orasremote "oras.land/oras-go/v2/registry/remote"
	orasauth "oras.land/oras-go/v2/registry/remote/auth"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// newRegclient returns a client for a host that tries again without a pause.
func newRegclient(host config.Host) *regclient.RegClient {
	return regclient.New(regclient.WithConfigHost(host), regclient.WithRegOpts(reg.WithDelay(0, 0)))
}

// pushInChunks pushes 100,000 bytes with regclient, in chunks of 40,000.
func pushInChunks(t *testing.T, fixture *registrytest.Registry) ([]byte, error) {
	t.Helper()
	rc := newRegclient(config.Host{Name: fixture.Host(), TLS: config.TLSDisabled, BlobChunk: 40_000, BlobMax: 40_000})
	app, err := ref.New(fixture.Host() + "/app")
	require.NoError(t, err)
	content := random(100_000, t.Name())
	_, err = rc.BlobPut(t.Context(), app, descriptor.Descriptor{Digest: digest.FromBytes(content), Size: int64(len(content))}, bytes.NewReader(content))
	return content, err
}

// regclient believes the Range of an answer, and asks what has arrived after a 416.
func TestProgressOfUploads(t *testing.T) {
	for name, test := range map[string]struct {
		effect faults.Effect
		chunks int // that regclient sends, at least
		want   string
	}{
		"right":      {faults.Pass(), 3, ""},
		"off by one": {faults.ShiftProgress(1), 3, "chunkStart (80000) != bufStart (80001)"},
		"stuck":      {faults.StuckProgress(), 4, ""},
		"stale":      {faults.RefuseStale(), 3, ""},
		// From then on, chunks have one byte: the rest of the blob takes 20,000 requests.
		"one less": {faults.ShiftProgress(-1), 20_000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fixture := registrytest.New(t)
			fixture.Inject(t, faults.On(op.UploadChunk).After(1).Times(1).Do(test.effect).Optional())
			content, err := pushInChunks(t, fixture)
			fixture.Assert(t, record.Op(op.UploadChunk)).AtLeast(test.chunks)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			fixture.Assert(t, record.Op(op.UploadCommit), record.Digest(digest.FromBytes(content)), record.Status("201")).Count(1)
		})
	}
}

// go-containerregistry decodes gzip, which net/http does by itself, and no other coding.
func TestCompressedBlobs(t *testing.T) {
	fixture := registrytest.New(t)
	fixture.Push(t, "app:v1", images.Random(images.Layers(1)))
	app, err := name.ParseReference(fixture.Ref("app:v1"))
	require.NoError(t, err)
	for _, test := range []struct {
		effect faults.Effect
		want   string
	}{
		{faults.Compress("gzip"), ""},
		{faults.Compress("zstd"), "error verifying sha256 checksum"},
		{faults.Compress("zstd").WithLength(), "Content-Length header 4108 does not match expected size 4096"},
		{faults.Compress("deflate").WithPlainLength(), "error verifying sha256 checksum"},
		{faults.Trailer("X-Sum", "{digest}"), ""},
	} {
		rule := fixture.Inject(t, faults.On(op.BlobGet).Do(test.effect))
		err := readLayer(t, app)
		if test.want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, test.want)
		}
		rule[0].Remove()
	}
}

func readLayer(t *testing.T, app name.Reference) error {
	t.Helper()
	image, err := remote.Image(app)
	require.NoError(t, err)
	layers, err := image.Layers()
	require.NoError(t, err)
	r, err := layers[0].Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

func TestLateDelete(t *testing.T) {
	fixture := registrytest.New(t)
	pushed := fixture.Push(t, "app:v1", images.Random())
	fixture.Inject(t, faults.On(op.ManifestDelete).Do(faults.LateDelete(1, 0)))
	app, err := name.ParseReference(fixture.Ref("app@" + string(pushed.Digest)))
	require.NoError(t, err)
	require.NoError(t, remote.Delete(app))
	_, err = remote.Head(app)
	require.NoError(t, err, "it still shows")
	_, err = remote.Head(app)
	require.ErrorContains(t, err, "404")
}

// go-containerregistry follows an upload session to another host, without its password; oras-go
// refuses to.
func TestMovedSession(t *testing.T) {
	fixture := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}}))
	fixture.Inject(t, faults.On(op.UploadStart).Do(faults.Location{Host: "{cdnhost}"}))
	app, err := name.ParseReference(fixture.Ref("app:v1"))
	require.NoError(t, err)
	require.NoError(t, remote.Write(app, images.Random(images.Layers(1)), remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"})))
	fixture.Assert(t, record.Op(op.UploadCommit), record.Not(record.Host(fixture.Host()))).Count(2)
	fixture.Check(t)

	repo := orasRepository(t, fixture, "oras")
	content := random(1000, t.Name())
	err = repo.Push(t.Context(), ocispec.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromBytes(content), Size: int64(len(content))}, bytes.NewReader(content))
	require.ErrorContains(t, err, "is on a different host than the registry")
	fixture.Assert(t).CredentialsOnlyTo()
}

func orasRepository(t *testing.T, fixture *registrytest.Registry, name string) *orasremote.Repository {
	t.Helper()
	repo, err := orasremote.NewRepository(fixture.Host() + "/" + name)
	require.NoError(t, err)
	repo.PlainHTTP = true
	repo.Client = &orasauth.Client{Client: http.DefaultClient, Credential: orasauth.StaticCredential(fixture.Host(), orasauth.Credential{Username: "ci", Password: "secret"})}
	return repo
}

// TestTokenServices has three clients read from registries with unusual token services, anonymously
// and as a user.
func TestTokenServices(t *testing.T) {
	for kind, token := range map[string]auth.TokenOptions{
		"required": {Required: true}, "passwords, too": {AllowBasic: true}, "large": {Size: 16 << 10}, "rotating": {RotateRefresh: true},
	} {
		t.Run(kind, func(t *testing.T) {
			fixture := registrytest.New(t, registrytest.WithAuth(auth.Options{
				Users: map[string]string{"ci": "secret"}, Rules: []auth.Rule{{Users: []string{"ci"}}, auth.Anonymous()}, Token: &token,
			}))
			fixture.Push(t, "app:v1", images.Random())
			app, err := name.ParseReference(fixture.Ref("app:v1"))
			require.NoError(t, err)
			_, err = remote.Head(app)
			require.NoError(t, err)
			fixture.Assert(t, record.Op(op.Token), record.Subject("")).Count(1)
			_, err = remote.Head(app, remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"}))
			require.NoError(t, err)

			fixture.Forget()
			_, err = orasRepository(t, fixture, "app").Resolve(t.Context(), "v1")
			require.NoError(t, err)
			rc := newRegclient(config.Host{Name: fixture.Host(), TLS: config.TLSDisabled, User: "ci", Pass: "secret"})
			r, err := ref.New(fixture.Ref("app:v1"))
			require.NoError(t, err)
			_, err = rc.ManifestHead(t.Context(), r)
			require.NoError(t, err)
			tokens := 0
			if token.Required { // else both read without credentials
				tokens = 2
			}
			fixture.Assert(t, record.Op(op.Token), record.Subject("ci")).Count(tokens)
		})
	}
}

// A proxy whose limit is below the size of a token refuses every request with it.
func TestTokenAboveHeaderLimit(t *testing.T) {
	fixture := registrytest.New(t, registrytest.WithHTTPLimits(registrytest.HTTPLimits{MaxHeader: 8 << 10}),
		registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{Size: 16 << 10}}))
	fixture.Push(t, "app:v1", images.Random())
	app, err := name.ParseReference(fixture.Ref("app:v1"))
	require.NoError(t, err)
	_, err = remote.Head(app, remote.WithAuth(&authn.Basic{Username: "ci", Password: "secret"}))
	require.ErrorContains(t, err, "431")
}
