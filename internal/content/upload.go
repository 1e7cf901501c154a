package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// copied is the maximum size in bytes of content that is copied into the Store.
const copied = 64 << 20

const octets = "application/octet-stream"

// adder is a Store that can read content on demand.
type adder interface {
	AddBlob(ctx context.Context, repo string, desc ocispec.Descriptor, open func() (registry.Blob, error)) error
}

// digested is content with a known digest.
type digested interface{ Digest() digest.Digest }

func (to Repository) putContent(ctx context.Context, c Content) (ocispec.Descriptor, error) {
	if c.Size() > copied {
		return to.addContent(ctx, c)
	}
	return to.copyContent(ctx, c)
}

// copyContent uploads content, and computes its digest if needed.
func (to Repository) copyContent(ctx context.Context, c Content) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{MediaType: octets, Size: c.Size()}
	var body io.Reader = io.NewSectionReader(c, 0, desc.Size)
	var sum func() digest.Digest
	if known, ok := c.(digested); ok {
		sum = known.Digest
	} else {
		hash := digest.SHA256.Digester()
		body, sum = io.TeeReader(body, hash.Hash()), hash.Digest
	}
	err := to.upload(ctx, body, desc.Size, func() (digest.Digest, error) {
		desc.Digest = sum()
		return desc.Digest, nil
	})
	return desc, err
}

// digestOf returns the digest of content, which is computed unless it is known.
func digestOf(c Content) (digest.Digest, error) {
	if known, ok := c.(digested); ok {
		return known.Digest(), nil
	}
	return digest.SHA256.FromReader(io.NewSectionReader(c, 0, c.Size()))
}

// addContent adds content that the Store reads on demand, if the Store supports it.
func (to Repository) addContent(ctx context.Context, c Content) (ocispec.Descriptor, error) {
	store, ok := to.Store.(adder)
	if !ok {
		return to.copyContent(ctx, c)
	}
	desc := ocispec.Descriptor{MediaType: octets, Size: c.Size()}
	var err error
	if desc.Digest, err = digestOf(c); err != nil {
		return desc, err
	}
	return desc, store.AddBlob(ctx, to.Name, desc, func() (registry.Blob, error) {
		return registry.NewBlob(io.NewSectionReader(c, 0, desc.Size), desc.Size), nil
	})
}

// putLayer stores a layer, unless it is not distributable. The size and the digest of a streamed layer
// are known only after it was read and closed.
func (to Repository) putLayer(ctx context.Context, layer v1.Layer) error {
	mediaType, err := layer.MediaType()
	if err != nil {
		return fmt.Errorf("media type: %w", err)
	}
	if !mediaType.IsDistributable() {
		return nil
	}
	if own, ok := layer.(interface{ blob() Content }); ok {
		_, err := to.putContent(ctx, own.blob())
		return err
	}
	size, err := layer.Size()
	if errors.Is(err, stream.ErrNotComputed) {
		size, err = registry.Unknown, nil
	}
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	body, err := layer.Compressed()
	if err != nil {
		return err
	}
	closeBody := sync.OnceValue(body.Close)
	defer closeBody()
	return to.upload(ctx, body, size, func() (digest.Digest, error) {
		if err := closeBody(); err != nil {
			return "", err
		}
		h, err := layer.Digest()
		return fromHash(h), err
	})
}

// upload stores the content of body. It calls d after reading body, and closes the session on an
// error.
func (to Repository) upload(ctx context.Context, body io.Reader, size int64, d func() (digest.Digest, error)) error {
	session, err := to.Store.NewUpload(ctx, to.Name, digest.SHA256)
	if err != nil {
		return fmt.Errorf("start an upload: %w", err)
	}
	if err := commit(ctx, session, registry.Chunk{Body: body, Length: size}, d); err != nil {
		return errors.Join(err, session.Cancel(context.WithoutCancel(ctx)))
	}
	return nil
}

func commit(ctx context.Context, session registry.Upload, c registry.Chunk, d func() (digest.Digest, error)) error {
	if err := session.Append(ctx, c); err != nil {
		return err
	}
	want, err := d()
	if err != nil {
		return err
	}
	if err := session.Commit(ctx, registry.Chunk{}, want); err != nil {
		return fmt.Errorf("blob %s: %w", want, err)
	}
	return nil
}

// create creates an empty repository if it does not exist. A Store creates a repository with its
// first blob.
func (to Repository) create(ctx context.Context) error {
	for _, err := range to.Store.Tags(ctx, to.Name, "") {
		if errors.Is(err, registry.NameUnknown) {
			desc, err := to.copyContent(ctx, strings.NewReader("{}"))
			if err != nil {
				return err
			}
			return to.Store.DeleteBlob(ctx, to.Name, desc.Digest)
		}
		return err
	}
	return nil
}
