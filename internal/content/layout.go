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

// containerdName is the annotation in which containerd and BuildKit store the full name. The
// annotation of the specification has only the tag.
const containerdName = "io.containerd.image.name"

// maxDepth is the maximum nesting depth of indexes.
const maxDepth = 64

// readLayout reads the manifests of an OCI image layout (image specification,
// "OCI Image Layout Specification"), and the names of repositories without content.
func readLayout(src source, o LoadOptions) ([]*image, []string, error) {
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
	r := layoutReader{src: src, sparse: o.AllowSparse, manifests: make(map[manifestKey]*image)}
	for _, desc := range index.Manifests {
		if o.Skip != nil && o.Skip(desc) {
			continue
		}
		stands, alone := desc.Annotations[manifestAnnotation]
		isBlob := desc.MediaType == octets && !alone
		root := registry.Reference{Descriptor: desc, Blob: isBlob, Manifest: !isBlob}
		k := rootKey{manifestKey{desc.Digest, desc.MediaType}, alone, stands}
		img, known := roots[k]
		if !known {
			if img, err = r.root(root, alone); err != nil {
				return nil, nil, err
			}
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

// layoutReader reads the images in a layout.
type layoutReader struct {
	src       source
	sparse    bool
	manifests map[manifestKey]*image // manifests read so far
}

// manifestKey identifies a manifest with its descriptor.
type manifestKey struct {
	digest    digest.Digest
	mediaType string
}

// rootKey identifies an entry of index.json without its name.
type rootKey struct {
	manifestKey
	alone      bool
	standalone string
}

// root reads an entry of the layout's index, and, unless alone is set, the content that it refers
// to.
func (r *layoutReader) root(root registry.Reference, alone bool) (*image, error) {
	there, err := r.find(root, ocispec.ImageIndexFile)
	if err == nil && !there {
		err = fmt.Errorf("%s: missing file, referenced by %s", blobPath(root.Digest), ocispec.ImageIndexFile)
	}
	switch {
	case err != nil:
		return nil, err
	case root.Blob:
		return &image{blobs: []located{{Descriptor: root.Descriptor, path: blobPath(root.Digest)}}}, nil
	case !alone:
		return r.manifest(root.Descriptor, 0)
	}
	content, err := r.read(root.Digest)
	if err != nil {
		return nil, err
	}
	m, err := parseStandalone(root.Descriptor, content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", blobPath(root.Digest), err)
	}
	m.Descriptor.Digest = root.Digest
	return &image{manifests: []registry.PutManifest{m}}, nil
}

// key is a digest, and whether it is used as a manifest.
type key struct {
	digest   digest.Digest
	manifest bool
}

// referenceKey returns the key of a reference. Content that need not be a manifest counts as a
// blob.
func referenceKey(ref registry.Reference) key { return key{ref.Digest, !ref.Blob} }

func blobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// find reports whether the layout contains the target of a reference of the manifest from, or of
// the layout's index. It fails if a required target is missing.
func (r *layoutReader) find(ref registry.Reference, from string) (bool, error) {
	if !op.ValidDigest(ref.Digest) {
		return false, fmt.Errorf("%s: %q is not a sha256 or sha512 digest", from, ref.Digest)
	}
	path := blobPath(ref.Digest)
	f, err := r.src.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if r.sparse {
			return false, nil
		}
		return false, fmt.Errorf("%s: missing file, referenced by %s", path, from)
	}
	if err != nil {
		return false, err
	}
	size := f.Size()
	if err := f.Close(); err != nil {
		return false, err
	}
	if size != ref.Size {
		return false, fmt.Errorf("%s: size is %d, but %s has %d", path, size, from, ref.Size)
	}
	return true, nil
}

// manifest reads a manifest and the content that it refers to. It reads each manifest only once.
func (r *layoutReader) manifest(desc ocispec.Descriptor, depth int) (*image, error) {
	k := manifestKey{desc.Digest, desc.MediaType}
	if img, ok := r.manifests[k]; ok {
		return img, nil
	}
	path := blobPath(desc.Digest)
	if depth > maxDepth {
		return nil, fmt.Errorf("%s: nesting of indexes exceeds %d levels", path, maxDepth)
	}
	content, err := r.read(desc.Digest)
	if err != nil {
		return nil, err
	}
	m, err := registry.ParseManifest(desc.MediaType, content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Descriptor.Digest = desc.Digest
	img := &image{manifests: []registry.PutManifest{m}}
	for _, ref := range m.Require {
		if ref.Optional {
			continue
		}
		if err := r.refer(img, ref, path, depth); err != nil {
			return nil, err
		}
	}
	if img.height > maxDepth {
		return nil, fmt.Errorf("%s: nesting of indexes exceeds %d levels", path, maxDepth)
	}
	r.manifests[k] = img
	return img, nil
}

// refer adds the target of a reference to the image.
func (r *layoutReader) refer(img *image, ref registry.Reference, from string, depth int) error {
	there, err := r.find(ref, from)
	if err != nil || !there {
		return err
	}
	if ref.Blob {
		img.blobs = append(img.blobs, located{Descriptor: ref.Descriptor, path: blobPath(ref.Digest)})
		return nil
	}
	child, err := r.manifest(ref.Descriptor, depth+1)
	if err != nil {
		return err
	}
	img.children, img.height = append(img.children, child), max(img.height, child.height+1)
	return nil
}

// read returns the content of a manifest after checking its digest.
func (r *layoutReader) read(d digest.Digest) ([]byte, error) {
	path := blobPath(d)
	content, err := readSmall(r.src, path)
	if err != nil {
		return nil, err
	}
	if is := d.Algorithm().FromBytes(content); is != d {
		return nil, fmt.Errorf("%s: the content has digest %s", path, is)
	}
	return content, nil
}
