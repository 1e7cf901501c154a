package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	ctrcontent "github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// containerd is the resolver that containerd, nerdctl and BuildKit pull and push
// with, and containerd's content store, whose files lie as those of a layout do.
var containerd = client{
	name:      "containerd",
	indexes:   true,
	sha512:    true,
	push:      containerdPush,
	pull:      containerdPull,
	resolve:   containerdResolve,
	tag:       containerdTag,
	copy:      containerdCopy,
	attach:    containerdAttach,
	referrers: containerdReferrers,
	cannot: map[string]string{
		"chunks":  "uploads every blob in one PUT",
		"tags":    "a resolver does not list",
		"catalog": "a resolver does not list",
		"delete":  "a resolver does not delete",
	},
}

func (s *session) containerdResolver() remotes.Resolver {
	client := &http.Client{Transport: s.transport}
	authorizer := s.containerdAuthorizer(client)
	return docker.NewResolver(docker.ResolverOptions{Hosts: func(host string) ([]docker.RegistryHost, error) {
		return []docker.RegistryHost{{
			Client:     client,
			Authorizer: authorizer,
			Host:       host,
			Scheme:     s.base.Scheme,
			Path:       "/v2",
			Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve |
				docker.HostCapabilityPush | docker.HostCapabilityReferrers,
		}}, nil
	}})
}

func (s *session) containerdAuthorizer(client *http.Client) docker.Authorizer {
	if s.login == nil {
		return nil
	}
	return &orderly{Authorizer: docker.NewDockerAuthorizer(docker.WithAuthClient(client), docker.WithAuthCreds(func(host string) (string, string, error) {
		if host != s.base.Host {
			return "", "", nil
		}
		return s.login.Username, s.login.Password, nil
	}))}
}

// orderly authorizes one request at a time: the authorizer has a data race on the
// time at which a token expires.
type orderly struct {
	docker.Authorizer
	mu sync.Mutex
}

func (o *orderly) Authorize(ctx context.Context, req *http.Request) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Authorizer.Authorize(ctx, req)
}

func containerdPush(s *session, c content, ref string) error {
	store, err := local.NewStore(c.dir)
	if err != nil {
		return err
	}
	return s.containerdPushFrom(store, c.root, ref, nil)
}

// containerdPushFrom tells the pusher which content the tag is for, as containerd's
// client does: without that, every manifest would be put under the tag in turn.
func (s *session) containerdPushFrom(store ctrcontent.Store, root ocispec.Descriptor, ref string, wrap func(images.Handler) images.Handler) error {
	if !strings.Contains(ref, "@") {
		ref += "@" + root.Digest.String()
	}
	pusher, err := s.containerdResolver().Pusher(s.context(), ref)
	if err != nil {
		return err
	}
	return remotes.PushContent(s.context(), pusher, root, store, nil, platforms.All, wrap)
}

func containerdPull(s *session, ref, dir string) error {
	_, _, err := s.containerdFetchInto(dir, ref)
	return err
}

// containerdFetchInto fetches all that a reference leads to into a content store.
func (s *session) containerdFetchInto(dir, ref string) (ctrcontent.Store, ocispec.Descriptor, error) {
	store, errStore := local.NewStore(dir)
	resolver := s.containerdResolver()
	name, root, errResolve := resolver.Resolve(s.context(), ref)
	if err := errors.Join(errStore, errResolve); err != nil {
		return nil, root, err
	}
	fetcher, err := resolver.Fetcher(s.context(), name)
	if err != nil {
		return nil, root, err
	}
	handler := images.Handlers(remotes.FetchHandler(store, fetcher), images.ChildrenHandler(store))
	return store, root, images.Dispatch(s.context(), handler, nil, root)
}

func containerdResolve(s *session, ref string) (digest.Digest, error) {
	_, desc, err := s.containerdResolver().Resolve(s.context(), ref)
	return desc.Digest, err
}

// containerdTag pushes again under another tag.
func containerdTag(s *session, ref, tag string) error {
	store, root, err := s.containerdFetchInto(s.t.TempDir(), ref)
	if err != nil {
		return err
	}
	spec, err := reference.Parse(ref)
	if err != nil {
		return err
	}
	return s.containerdPushFrom(store, root, spec.Locator+":"+tag, nil)
}

// containerdCopy tells the pusher where the content came from, as the labels of
// containerd's metadata store would.
func containerdCopy(s *session, from, to string) error {
	store, root, err := s.containerdFetchInto(s.t.TempDir(), from)
	if err != nil {
		return err
	}
	return s.containerdPushMounting(store, root, from, to)
}

// containerdPushMounting says of all content that it may be mounted.
func (s *session) containerdPushMounting(store ctrcontent.Store, root ocispec.Descriptor, from, to string) error {
	spec, err := reference.Parse(from)
	if err != nil {
		return err
	}
	repo := strings.TrimPrefix(spec.Locator, spec.Hostname()+"/")
	source := map[string]string{labels.LabelDistributionSource + "." + s.base.Hostname(): repo}
	return s.containerdPushFrom(store, root, to, func(h images.Handler) images.Handler {
		return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			desc.Annotations = source
			return h.Handle(ctx, desc)
		})
	})
}

// containerdAttach pushes an artifact that was made elsewhere.
func containerdAttach(s *session, subject, artifactType string) error {
	_, desc, err := s.containerdResolver().Resolve(s.context(), subject)
	if err != nil {
		return err
	}
	spec, err := reference.Parse(subject)
	if err != nil {
		return err
	}
	artifact := newArtifact(s.t, desc, artifactType)
	return containerdPush(s, artifact, spec.Locator+"@"+artifact.root.Digest.String())
}

func containerdReferrers(s *session, subject, artifactType string) ([]digest.Digest, error) {
	resolver := s.containerdResolver()
	name, desc, err := resolver.Resolve(s.context(), subject)
	if err != nil {
		return nil, err
	}
	fetcher, err := resolver.Fetcher(s.context(), name)
	if err != nil {
		return nil, err
	}
	referrers, err := fetcher.(remotes.ReferrersFetcher).FetchReferrers(s.context(), desc.Digest, remotes.WithReferrerArtifactTypes(artifactType))
	return digests(referrers), err
}
