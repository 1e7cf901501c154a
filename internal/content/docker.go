package content

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// dockerFile is the list of images in an archive of docker save.
const dockerFile = "manifest.json"

// dockerImage is an entry of dockerFile. The equivalent type of go-containerregistry's package
// tarball would slow down program initialization.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func readDockerFile(src source) ([]dockerImage, error) {
	content, err := readSmall(src, dockerFile)
	if err != nil {
		return nil, err
	}
	var images []dockerImage
	if err := json.Unmarshal(content, &images); err != nil {
		return nil, fmt.Errorf("%s: %w", dockerFile, err)
	}
	return images, nil
}

// nameByDocker sets the names of images in a layout to those in dockerFile, which has tags for the
// names that the layout has only in full.
func nameByDocker(src source, images []*image) error {
	list, err := readDockerFile(src)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if len(entry.RepoTags) == 0 {
			continue
		}
		config := strings.ReplaceAll(strings.TrimPrefix(path.Clean(entry.Config), ocispec.ImageBlobsDir+"/"), "/", ":")
		for _, img := range images {
			if img.refersTo(digest.Digest(config)) {
				img.names = entry.RepoTags
			}
		}
	}
	return nil
}

func (i *image) refersTo(d digest.Digest) bool {
	found := errors.New("found")
	return i.visit(make(map[*image]bool), func(part *image) error {
		if slices.ContainsFunc(part.blobs, func(b located) bool { return b.Digest == d }) {
			return found
		}
		return nil
	}) != nil
}

// readDocker reads an archive of docker save that is not a layout. It has configs and layers but no
// manifests, so readDocker generates manifests of Docker's schema 2. It wraps uncompressed layers
// in the frame of a gzip stream without compressing them, so that digests do not depend on a
// compressor. Archives of compressed layers get the same digests as with crane push.
func readDocker(ctx context.Context, src source, unpacked int64) ([]*image, error) {
	list, err := readDockerFile(src)
	if err != nil {
		return nil, err
	}
	var images []*image
	for i, entry := range list {
		r := dockerReader{ctx: ctx, src: src, unpacked: unpacked, image: &image{names: entry.RepoTags}}
		if err := r.read(entry); err != nil {
			return nil, fmt.Errorf("image %d in %s: %w", i, dockerFile, err)
		}
		images = append(images, r.image)
	}
	return images, nil
}

type dockerReader struct {
	ctx      context.Context
	src      source
	unpacked int64
	image    *image
}

func (r *dockerReader) read(entry dockerImage) error {
	config, err := readSmall(r.src, path.Clean(entry.Config))
	if err != nil {
		return err
	}
	var document struct {
		RootFS ocispec.RootFS `json:"rootfs"`
	}
	if err := json.Unmarshal(config, &document); err != nil {
		return fmt.Errorf("%s: %w", entry.Config, err)
	}
	diffIDs := document.RootFS.DiffIDs
	if len(diffIDs) != len(entry.Layers) {
		return fmt.Errorf("%s has %d diff IDs for %d layers", entry.Config, len(diffIDs), len(entry.Layers))
	}
	d := digest.FromBytes(config)
	if err := checkConfigName(entry.Config, d); err != nil {
		return err
	}
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.DockerManifestSchema2,
		Config:        r.blob(types.DockerConfigJSON, d, int64(len(config)), path.Clean(entry.Config)),
		Layers:        []v1.Descriptor{},
	}
	for i, name := range entry.Layers {
		layer, err := r.layer(path.Clean(name), diffIDs[i])
		if err != nil {
			return err
		}
		m.Layers = append(m.Layers, layer)
	}
	parsed, err := registry.ParseManifest(string(m.MediaType), encode(m))
	r.image.manifests = []registry.PutManifest{parsed}
	return err
}

// checkConfigName compares the digest with the one in the name of the config, "<hex>.json" or
// "sha256:<hex>".
func checkConfigName(name string, d digest.Digest) error {
	hex := strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ".json"), "sha256:")
	if digest.SHA256.Validate(hex) == nil && hex != d.Encoded() {
		return fmt.Errorf("%s: the content has digest %s", name, d)
	}
	return nil
}

func (r *dockerReader) blob(mediaType types.MediaType, d digest.Digest, size int64, path string) v1.Descriptor {
	r.image.blobs = append(r.image.blobs, located{
		Descriptor: ocispec.Descriptor{MediaType: string(mediaType), Digest: d, Size: size}, path: path})
	return v1.Descriptor{MediaType: mediaType, Digest: toHash(d), Size: size}
}

// layer reads a layer and checks its diff ID, the digest of its decompressed content.
func (r *dockerReader) layer(path string, diffID digest.Digest) (v1.Descriptor, error) {
	f, err := r.src.open(path)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer f.Close()
	var d, inner digest.Digest
	size, frame := f.Size(), (func(Content) Content)(nil)
	switch {
	case hasMagic(f, gzipMagic):
		d, inner, err = r.gunzip(f)
	case hasMagic(f, zstdMagic):
		err = errors.New("zstd compression is not supported by Docker's image format")
	case size == 0:
		err = errors.New("the layer is empty: want a tar")
	default:
		d, inner, frame, err = r.frame(f)
		size = storedSize(size)
	}
	if err == nil && inner != diffID {
		err = fmt.Errorf("diff ID is %s, but the config has %s", inner, diffID)
	}
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("%s: %w", path, err)
	}
	desc := r.blob(types.DockerLayer, d, size, path)
	r.image.blobs[len(r.image.blobs)-1].frame = frame
	return desc, nil
}

// frame returns the digests of a layer in a gzip stream and of the layer itself, and a function
// that adds the frame.
func (r *dockerReader) frame(f *file) (d, inner digest.Digest, frame func(Content) Content, err error) {
	whole, body := digest.SHA256.Digester(), digest.SHA256.Digester()
	s := stored{header: gzipHead(0), body: contextContent{r.ctx, f}}
	crc, err := s.sum(body.Hash(), whole.Hash())
	return whole.Digest(), body.Digest(), func(c Content) Content {
		return &stored{header: s.header, body: c, crc: func() uint32 { return crc }}
	}, err
}

// gunzip returns the digests of a layer and of its decompressed content.
func (r *dockerReader) gunzip(f *file) (d, inner digest.Digest, err error) {
	content := contextContent{r.ctx, f}
	if d, err = digest.SHA256.FromReader(io.NewSectionReader(content, 0, f.Size())); err != nil {
		return "", "", err
	}
	z, err := gzip.NewReader(io.NewSectionReader(content, 0, f.Size()))
	if err != nil {
		return "", "", err
	}
	limited := &io.LimitedReader{R: z, N: r.unpacked + 1}
	if inner, err = digest.SHA256.FromReader(limited); err != nil {
		return "", "", err
	}
	if limited.N == 0 {
		return "", "", fmt.Errorf("decompressed size exceeds %d bytes", r.unpacked)
	}
	return d, inner, nil
}
