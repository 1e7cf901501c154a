package e2e

import (
	"errors"
	"net/http"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// sufferer is a client that meets known faults.
type sufferer struct {
	client
	transport func(base http.RoundTripper) http.RoundTripper // that it uses; nil: the registry's
}

// sufferers are the clients by the names that they have in the table. Those that
// begin with "careful" are this package's own: the correct ones.
func sufferers() map[string]sufferer {
	retries := func(base http.RoundTripper) http.RoundTripper { return retry.NewTransport(base) }
	return map[string]sufferer{
		"ggcr":                      {client: goContainerregistry},
		"ggcr leaking":              {goContainerregistry, func(base http.RoundTripper) http.RoundTripper { return leaking{base} }},
		"oras-go":                   {orasGo, retries}, // as its default transport does
		"oras-go with password":     {client{pull: orasGoPullWithPassword}, retries},
		"oras-go for Docker":        {client{resolve: orasGoResolveDocker}, retries},
		"oras-go with POST":         {client{pull: orasGoPullWithPost}, retries},
		"regclient":                 {client: regclientGo},
		"regclient in chunks":       {client: client{push: regclientPushInChunks(smallChunk)}},
		"regclient in large chunks": {client: client{push: regclientPushInChunks(largeChunk)}},
		"careful in large chunks":   {client: client{push: carefulPushLargeChunks}},
		"containerd":                {client: containerd},
		"containerd with mirror":    {client: client{pull: containerdPullMirrored}},
		"careful":                   {client: careful()},
		"careful with mirror":       {client: client{pull: carefulPullMirrored}},
		"careful with POST":         {client: client{pull: carefulPullWithPost}},
		"careful for Docker":        {client: client{resolve: carefulResolveDocker}},
	}
}

// password is what clients log in with: somebody's, in base 64.
const password = "Basic c29tZWJvZHk6c2VjcmV0"

// leaking shows credentials to every host, wherever a redirect leads.
type leaking struct{ base http.RoundTripper }

func (l leaking) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", password)
	return l.base.RoundTrip(req)
}

// orasGoPullWithPassword shows credentials to the registry.
func orasGoPullWithPassword(s *session, ref, dir string) error {
	store, errStore := oci.New(dir)
	repo, errRepo := s.orasRepository(ref)
	if err := errors.Join(errStore, errRepo); err != nil {
		return err
	}
	repo.Client = &auth.Client{Client: &http.Client{Transport: s.transport}, Header: http.Header{"Authorization": {password}}}
	_, err := orasgo.Copy(s.context(), repo, repo.Reference.Reference, store, "pulled", orasgo.DefaultCopyOptions)
	return err
}

// orasGoPullWithPost asks for tokens with POST.
func orasGoPullWithPost(s *session, ref, dir string) error {
	store, errStore := oci.New(dir)
	repo, errRepo := s.orasRepository(ref)
	if err := errors.Join(errStore, errRepo); err != nil {
		return err
	}
	client := s.orasClient()
	client.ForceAttemptOAuth2 = true
	repo.Client = client
	_, err := orasgo.Copy(s.context(), repo, repo.Reference.Reference, store, "pulled", orasgo.DefaultCopyOptions)
	return err
}

const dockerManifestType = "application/vnd.docker.distribution.manifest.v2+json"

// orasGoResolveDocker accepts Docker's manifests only.
func orasGoResolveDocker(s *session, ref string) (digest.Digest, error) {
	repo, err := s.orasRepository(ref)
	if err != nil {
		return "", err
	}
	repo.ManifestMediaTypes = []string{dockerManifestType}
	desc, err := repo.Resolve(s.context(), repo.Reference.Reference)
	return desc.Digest, err
}

const (
	smallChunk = 1000
	largeChunk = 5 << 20
)

// mirrorHost is another name of the registry in memory.
const mirrorHost = "mirror.test"

// containerdPullMirrored asks a mirror first, and tells it the host that it is a
// mirror of.
func containerdPullMirrored(s *session, ref, dir string) error {
	resolver := docker.NewResolver(docker.ResolverOptions{Hosts: func(host string) ([]docker.RegistryHost, error) {
		var hosts []docker.RegistryHost
		for _, name := range []string{mirrorHost, host} {
			hosts = append(hosts, docker.RegistryHost{
				Client:       &http.Client{Transport: s.transport},
				Host:         name,
				Scheme:       s.base.Scheme,
				Path:         "/v2",
				Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
			})
		}
		return hosts, nil
	}})
	store, errStore := local.NewStore(dir)
	name, root, errResolve := resolver.Resolve(s.context(), ref)
	if err := errors.Join(errStore, errResolve); err != nil {
		return err
	}
	fetcher, err := resolver.Fetcher(s.context(), name)
	if err != nil {
		return err
	}
	handler := images.Handlers(remotes.FetchHandler(store, fetcher), images.ChildrenHandler(store))
	return images.Dispatch(s.context(), handler, nil, root)
}
