package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// containerdName is the annotation in which containerd and BuildKit write a full
// name, where the specification's has only the tag.
const containerdName = "io.containerd.image.name"

// maxDepth is how deep indexes may be nested.
const maxDepth = 64

// readLayout reads the manifests of an OCI image layout (image specification,
// "OCI Image Layout Specification"), and the names of repositories without content.
func readLayout(src source, sparse bool) ([]*image, []string, error) {
	if err := checkLayoutVersion(src); err != nil {
		return nil, nil, err
	}
	content, err := readSmall(src, ocispec.ImageIndexFile)
	if err != nil {
		return nil, nil, err
	}
	if _, err := registry.ParseManifest(ocispec.MediaTypeImageIndex, content); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(content, &index); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
	}
	var images []*image
	roots := make(map[rootKey]*image)
	manifests := make(map[manifestKey]registry.PutManifest)
	for _, desc := range index.Manifests {
		stands, alone := desc.Annotations[manifestAnnotation]
		isBlob := desc.MediaType == octets && !alone
		root := registry.Reference{Descriptor: desc, Blob: isBlob, Manifest: !isBlob}
		k := rootKey{manifestKey{desc.Digest, desc.MediaType}, alone, stands}
		img, known := roots[k]
		if !known {
			r := layoutReader{src: src, sparse: sparse, image: &image{}, seen: make(map[key]bool), manifests: manifests}
			if err = r.addRoot(root, alone); err != nil {
				return nil, nil, err
			}
			img = r.image
			roots[k] = img
			images = append(images, img)
		}
		if n := nameOf(desc); n != "" {
			img.names = append(img.names, n)
		}
	}
	return images, strings.Fields(index.Annotations[repositoriesAnnotation]), nil
}

func checkLayoutVersion(src source) error {
	content, err := readSmall(src, ocispec.ImageLayoutFile)
	if err != nil {
		return err
	}
	var layout ocispec.ImageLayout
	if err := json.Unmarshal(content, &layout); err != nil {
		return fmt.Errorf("%s: %w", ocispec.ImageLayoutFile, err)
	}
	if layout.Version != ocispec.ImageLayoutVersion {
		return fmt.Errorf("%s: imageLayoutVersion is %q: want %q", ocispec.ImageLayoutFile, layout.Version, ocispec.ImageLayoutVersion)
	}
	return nil
}

func nameOf(desc ocispec.Descriptor) string {
	if n := desc.Annotations[containerdName]; n != "" {
		return n
	}
	return desc.Annotations[ocispec.AnnotationRefName]
}

// layoutReader collects what an image in a layout consists of.
type layoutReader struct {
	src       source
	sparse    bool
	image     *image
	seen      map[key]bool
	manifests map[manifestKey]registry.PutManifest // those that were read, for all images
}

// manifestKey is a manifest and what it is said to be.
type manifestKey struct {
	digest    digest.Digest
	mediaType string
}

// rootKey is an entry of index.json, but for its name.
type rootKey struct {
	manifestKey
	alone      bool
	standalone string
}

// addRoot adds an entry of the layout's index, and what it refers to unless it stands
// alone.
func (r *layoutReader) addRoot(root registry.Reference, alone bool) error {
	if alone {
		return r.addStandalone(root.Descriptor)
	}
	err := r.add(root, ocispec.ImageIndexFile, 0)
	if err == nil && !r.seen[referenceKey(root)] {
		err = fmt.Errorf("%s: missing, and %s names it", blobPath(root.Digest), ocispec.ImageIndexFile)
	}
	return err
}

func (r *layoutReader) addStandalone(desc ocispec.Descriptor) error {
	if !op.ValidDigest(desc.Digest) {
		return fmt.Errorf("%s: %q is not a sha256 or sha512 digest", ocispec.ImageIndexFile, desc.Digest)
	}
	content, err := r.read(desc)
	if err != nil {
		return err
	}
	m, err := parseStandalone(desc, content)
	if err != nil {
		return fmt.Errorf("%s: %w", blobPath(desc.Digest), err)
	}
	m.Descriptor.Digest = desc.Digest
	r.image.manifests = append(r.image.manifests, m)
	return nil
}

// key is content and what it is taken for.
type key struct {
	digest   digest.Digest
	manifest bool
}

// referenceKey is what a reference leads to. Anything that need not be a manifest
// is taken for a blob.
func referenceKey(ref registry.Reference) key { return key{ref.Digest, !ref.Blob} }

func blobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// add adds what a reference of the manifest from, or of the layout's index, leads
// to.
func (r *layoutReader) add(ref registry.Reference, from string, depth int) error {
	if !op.ValidDigest(ref.Digest) {
		return fmt.Errorf("%s: %q is not a sha256 or sha512 digest", from, ref.Digest)
	}
	path := blobPath(ref.Digest)
	f, err := r.src.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if r.sparse {
			return nil
		}
		return fmt.Errorf("%s: missing, and %s refers to it", path, from)
	}
	if err != nil {
		return err
	}
	size := f.Size()
	if err := f.Close(); err != nil {
		return err
	}
	if size != ref.Size {
		return fmt.Errorf("%s: %d bytes, %s says %d", path, size, from, ref.Size)
	}
	k := referenceKey(ref)
	if r.seen[k] {
		return nil
	}
	r.seen[k] = true
	if k.manifest {
		return r.addManifest(ref.Descriptor, depth)
	}
	r.image.blobs = append(r.image.blobs, located{Descriptor: ref.Descriptor, path: path})
	return nil
}

func (r *layoutReader) addManifest(desc ocispec.Descriptor, depth int) error {
	path := blobPath(desc.Digest)
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d indexes in one another", path, maxDepth)
	}
	m, err := r.manifest(desc)
	if err != nil {
		return err
	}
	for _, ref := range m.Require {
		if ref.Optional {
			continue
		}
		if err := r.add(ref, path, depth+1); err != nil {
			return err
		}
	}
	r.image.manifests = append(r.image.manifests, m)
	return nil
}

// manifest reads a manifest, once for all images.
func (r *layoutReader) manifest(desc ocispec.Descriptor) (registry.PutManifest, error) {
	k := manifestKey{desc.Digest, desc.MediaType}
	if m, ok := r.manifests[k]; ok {
		return m, nil
	}
	content, err := r.read(desc)
	if err != nil {
		return registry.PutManifest{}, err
	}
	m, err := registry.ParseManifest(desc.MediaType, content)
	if err != nil {
		return m, fmt.Errorf("%s: %w", blobPath(desc.Digest), err)
	}
	m.Descriptor.Digest = desc.Digest
	r.manifests[k] = m
	return m, nil
}

// read returns the content of a manifest, which has its digest and size.
func (r *layoutReader) read(desc ocispec.Descriptor) ([]byte, error) {
	path := blobPath(desc.Digest)
	content, err := readSmall(r.src, path)
	if err != nil {
		return nil, err
	}
	if d := desc.Digest.Algorithm().FromBytes(content); d != desc.Digest {
		return nil, fmt.Errorf("%s: its digest is %s", path, d)
	}
	if int64(len(content)) != desc.Size {
		return nil, fmt.Errorf("%s: %d bytes, %s says %d", path, len(content), ocispec.ImageIndexFile, desc.Size)
	}
	return content, nil
}
