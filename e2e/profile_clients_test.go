package e2e

import (
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// undeletable are the profiles whose registries do not delete a manifest by digest.
var undeletable = map[string]bool{"dockerhub": true, "ghcr": true, "distribution2": true, "distribution3": true}

// Clients push, list, pull and delete under each profile.
func TestClientsUnderProfiles(t *testing.T) {
	registrytest.ForEachProfile(t, func(t *testing.T, reg *registrytest.Registry) {
		t.Run("go-containerregistry", func(t *testing.T) { ggcrUnderProfile(t, reg) })
		t.Run("oras-go", func(t *testing.T) { orasUnderProfile(t, reg) })
	})
}

func ggcrUnderProfile(t *testing.T, reg *registrytest.Registry) {
	credentials := authn.Anonymous
	if reg.AuthService() != nil {
		login := reg.Login(t, "ci")
		credentials = &authn.Basic{Username: login.Username, Password: login.Password}
	}
	options := []remote.Option{remote.WithAuth(credentials), remote.WithTransport(reg.Transport())}
	ref, err := name.ParseReference(reg.Ref("lib/ggcr:v1"), name.Insecure)
	require.NoError(t, err)
	image := images.Random()
	require.NoError(t, remote.Write(ref, image, options...))
	tags, err := remote.List(ref.Context(), options...)
	require.NoError(t, err)
	assert.Equal(t, []string{"v1"}, tags)
	pulled, err := remote.Image(ref, options...)
	require.NoError(t, err)
	require.NoError(t, validate.Image(pulled))
	digest, err := image.Digest()
	require.NoError(t, err)
	err = remote.Delete(ref.Context().Digest(digest.String()), options...)
	if undeletable[reg.Profile().Name] {
		assert.ErrorContains(t, err, "UNSUPPORTED")
		return
	}
	assert.NoError(t, err)
}

func orasUnderProfile(t *testing.T, reg *registrytest.Registry) {
	repo, err := orasremote.NewRepository(reg.Ref("lib/oras"))
	require.NoError(t, err)
	repo.PlainHTTP = true
	client := &auth.Client{Client: &http.Client{Transport: reg.Transport()}, Cache: auth.NewCache()}
	if reg.AuthService() != nil {
		login := reg.Login(t, "ci")
		client.Credential = auth.StaticCredential(login.Host, auth.Credential{Username: login.Username, Password: login.Password})
	}
	repo.Client = client
	source := memory.New()
	desc, err := orasgo.PackManifest(t.Context(), source, orasgo.PackManifestVersion1_1, "application/vnd.example.test", orasgo.PackManifestOptions{})
	require.NoError(t, err)
	require.NoError(t, source.Tag(t.Context(), desc, "v1"))
	_, err = orasgo.Copy(t.Context(), source, "v1", repo, "v1", orasgo.DefaultCopyOptions)
	require.NoError(t, err)
	var tags []string
	require.NoError(t, repo.Tags(t.Context(), "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	}))
	assert.Equal(t, []string{"v1"}, tags)
	_, err = orasgo.Copy(t.Context(), repo, "v1", memory.New(), "v1", orasgo.DefaultCopyOptions)
	assert.NoError(t, err)
}
