package e2e

import (
	"context"
	"os"

	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
)

// Clients that push a layout, and say which repository has the content already.

func containerdPushMountingLayout(s *session, c content, from, to string) error {
	store, err := local.NewStore(c.dir)
	if err != nil {
		return err
	}
	return s.containerdPushMounting(store, c.root, from, to)
}

func orasGoPushMounting(s *session, c content, from, to string) error {
	store, err := oci.NewFromFS(s.context(), os.DirFS(c.dir))
	if err != nil {
		return err
	}
	src, err := s.orasRepository(from)
	if err != nil {
		return err
	}
	dst, err := s.orasRepository(to)
	if err != nil {
		return err
	}
	options := orasgo.DefaultCopyOptions
	options.MountFrom = func(context.Context, ocispec.Descriptor) ([]string, error) {
		return []string{src.Reference.Repository}, nil
	}
	_, err = orasgo.Copy(s.context(), store, c.tag, dst, dst.Reference.Reference, options)
	return err
}

func ggcrPushMounting(s *session, c content, from, to string) error {
	src, err := name.ParseReference(from)
	if err != nil {
		return err
	}
	dst, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	index, err := layout.ImageIndexFromPath(c.dir)
	if err != nil {
		return err
	}
	image, err := index.Image(v1.Hash{Algorithm: c.root.Digest.Algorithm().String(), Hex: c.root.Digest.Encoded()})
	if err != nil {
		return err
	}
	return remote.Write(dst, mountable{image, src}, s.ggcrOptions()...)
}

// mountable is an image of which a repository has the layers, it is said.
type mountable struct {
	v1.Image
	from name.Reference
}

func (m mountable) Layers() ([]v1.Layer, error) {
	layers, err := m.Image.Layers()
	for i, layer := range layers {
		layers[i] = &remote.MountableLayer{Layer: layer, Reference: m.from}
	}
	return layers, err
}
