package e2e

import (
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// goContainerregistry is the library that crane, ko and cosign are made with.
var goContainerregistry = client{
	name:        "go-containerregistry",
	indexes:     true,
	push:        ggcrPush,
	pushChunked: ggcrPush,
	chunks:      1, // every blob goes in one PATCH
	pull:        ggcrPull,
	resolve:     ggcrResolve,
	tag:         ggcrTag,
	tags:        ggcrTags,
	copy:        ggcrCopy,
	delete:      ggcrDelete,
	attach:      ggcrAttach,
	referrers:   ggcrReferrers,
	catalog:     ggcrCatalog,
	cannot:      map[string]string{"sha512": "v1.Hash knows no algorithm but sha256"},
}

func (s *session) ggcrOptions() []remote.Option {
	options := []remote.Option{remote.WithTransport(s.transport), remote.WithContext(s.context())}
	if s.login != nil && s.login.Username != "" {
		options = append(options, remote.WithAuth(&authn.Basic{Username: s.login.Username, Password: s.login.Password}))
	}
	if s.inTurn {
		options = append(options, remote.WithJobs(1))
	}
	return options
}

func (s *session) ggcrGet(ref string) (name.Repository, *remote.Descriptor, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return name.Repository{}, nil, err
	}
	desc, err := remote.Get(r, s.ggcrOptions()...)
	return r.Context(), desc, err
}

func ggcrPush(s *session, c content, ref string) error {
	r, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	index, err := layout.ImageIndexFromPath(c.dir)
	if err != nil {
		return err
	}
	root := v1.Hash{Algorithm: c.root.Digest.Algorithm().String(), Hex: c.root.Digest.Encoded()}
	if types.MediaType(c.root.MediaType).IsIndex() {
		index, err := index.ImageIndex(root)
		if err != nil {
			return err
		}
		return remote.WriteIndex(r, index, s.ggcrOptions()...)
	}
	image, err := index.Image(root)
	if err != nil {
		return err
	}
	return remote.Write(r, image, s.ggcrOptions()...)
}

func ggcrPull(s *session, ref, dir string) error {
	_, desc, err := s.ggcrGet(ref)
	if err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if desc.MediaType.IsIndex() {
		index, err := desc.ImageIndex()
		if err != nil {
			return err
		}
		return path.AppendIndex(index)
	}
	image, err := desc.Image()
	if err != nil {
		return err
	}
	return path.AppendImage(image)
}

func ggcrResolve(s *session, ref string) (digest.Digest, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", err
	}
	desc, err := remote.Head(r, s.ggcrOptions()...)
	if err != nil {
		return "", err
	}
	return digest.Digest(desc.Digest.String()), nil
}

func ggcrTag(s *session, ref, tag string) error {
	repo, desc, err := s.ggcrGet(ref)
	if err != nil {
		return err
	}
	return remote.Tag(repo.Tag(tag), desc, s.ggcrOptions()...)
}

func ggcrTags(s *session, repo string) ([]string, error) {
	r, err := name.NewRepository(s.base.Host + "/" + repo)
	if err != nil {
		return nil, err
	}
	return remote.List(r, s.ggcrOptions()...)
}

func ggcrCopy(s *session, from, to string) error {
	_, desc, err := s.ggcrGet(from)
	if err != nil {
		return err
	}
	image, err := desc.Image()
	if err != nil {
		return err
	}
	r, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	return remote.Write(r, image, s.ggcrOptions()...)
}

func ggcrDelete(s *session, ref string) error {
	r, err := name.NewDigest(ref)
	if err != nil {
		return err
	}
	return remote.Delete(r, s.ggcrOptions()...)
}

func ggcrAttach(s *session, subject, artifactType string) error {
	repo, desc, err := s.ggcrGet(subject)
	if err != nil {
		return err
	}
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.MediaType(artifactType))
	image = mutate.Subject(image, desc.Descriptor).(v1.Image)
	d, err := image.Digest()
	if err != nil {
		return err
	}
	return remote.Write(repo.Digest(d.String()), image, s.ggcrOptions()...)
}

func ggcrReferrers(s *session, subject, artifactType string) ([]digest.Digest, error) {
	r, err := name.NewDigest(subject)
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(r, append(s.ggcrOptions(), remote.WithFilter("artifactType", artifactType))...)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var all []digest.Digest
	for _, desc := range manifest.Manifests {
		all = append(all, digest.Digest(desc.Digest.String()))
	}
	return all, nil
}

func ggcrCatalog(s *session) ([]string, error) {
	r, err := name.NewRegistry(s.base.Host)
	if err != nil {
		return nil, err
	}
	return remote.Catalog(s.context(), r, s.ggcrOptions()...)
}
