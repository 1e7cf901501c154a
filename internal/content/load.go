package content

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// LoadOptions configures [Load].
type LoadOptions struct {
	// Repository receives all content; names in the archive provide only tags. If empty, names
	// provide the repositories.
	Repository string

	// Fallback is the repository of images without a name, or whose name has no repository.
	Fallback string

	// Skip, if it is not nil, selects entries of the index of a layout that are not loaded.
	Skip func(ocispec.Descriptor) bool

	// TrustBlobs does not read the blobs of a directory to verify their digests, if the Store
	// has a method AddBlob. Their sizes are verified.
	TrustBlobs bool

	// AllowSparse accepts manifests and indexes with missing references.
	AllowSparse bool

	// MaxUnpacked is the maximum decompressed size in bytes of an archive and of a docker-save
	// layer. Default: 8 GiB.
	MaxUnpacked int64
}

const defaultMaxUnpacked = 8 << 30

// Loaded is a loaded or generated image, index or artifact.
type Loaded struct {
	Repository string
	Tags       []string
	Descriptor ocispec.Descriptor
}

// Load puts the content at path into a Store: an OCI image layout or the output of docker save, as
// a directory, a tar, or a tar compressed with gzip. Load detects the format by the content.
//
// Images of a layout are named by the annotation io.containerd.image.name, or else
// org.opencontainers.image.ref.name, and those of docker save by RepoTags. An archive that is both
// is read as a layout, and names in RepoTags take precedence. The names mean:
//
//	v1                            the tag v1 of o.Repository
//	app:v1                        the tag v1 of app
//	docker.io/library/app:v1      the tag v1 of library/app: a host is dropped
//	localhost:5000/team/app       the tag latest of team/app
//	app@sha256:...                no tag in app
//	none                          no tag: the image is found by digest
//
// An entry of a layout with the media type application/octet-stream is a blob that belongs to no
// image. It is loaded, but not returned.
//
// The annotations of [Snapshot] are restored.
//
// All references must exist and match their digest and size. A docker-save layer must match the
// diff ID in the config, and is wrapped in a gzip stream if it is not compressed. Load checks this
// before it puts any manifest. If the Store refuses a manifest, Load removes the manifests that it
// has put before; blobs may remain.
//
// If the Store has a method AddBlob, like that of memstore, blobs of a directory are not held in
// memory but read from their files on demand. Content of a compressed archive passes through a
// temporary file.
func Load(ctx context.Context, store registry.Store, path string, o LoadOptions) ([]Loaded, error) {
	o.MaxUnpacked = cmp.Or(o.MaxUnpacked, defaultMaxUnpacked)
	src, done, err := openSource(ctx, path, o.MaxUnpacked)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	loaded, err := load(ctx, store, src, o)
	if err = errors.Join(err, done()); err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return loaded, nil
}

func load(ctx context.Context, store registry.Store, src source, o LoadOptions) ([]Loaded, error) {
	images, empty, err := readImages(ctx, src, o)
	if err != nil {
		return nil, err
	}
	for _, repo := range empty {
		if err := (Repository{Name: repo}).checkNames(); err != nil {
			return nil, err
		}
	}
	places, err := place(images, o)
	if err != nil {
		return nil, err
	}
	if err := putBlobs(ctx, store, src, places, o.TrustBlobs); err != nil {
		return nil, err
	}
	if err := putManifests(ctx, store, places, o.AllowSparse); err != nil {
		return nil, err
	}
	for _, repo := range empty {
		to := Repository{Store: store, Name: cmp.Or(o.Repository, repo)}
		if err := to.create(ctx); err != nil {
			return nil, fmt.Errorf("create repository %s: %w", to.Name, err)
		}
	}
	return loadedFrom(places), nil
}

func loadedFrom(places []placed) []Loaded {
	loaded := make([]Loaded, 0, len(places))
	for _, p := range places {
		if !p.isBlob() {
			loaded = append(loaded, Loaded{Repository: p.repository, Tags: p.tags, Descriptor: p.root()})
		}
	}
	return loaded
}

// image is the content of a name in an archive: an image, an index, an artifact, or a blob that
// belongs to none.
type image struct {
	names     []string
	manifests []registry.PutManifest // references come before their referrers; the last is the image itself
	blobs     []located
	children  []*image // of an index; may be shared with other images
	height    int      // nesting depth of its children; 0 without children
}

// visit calls f for the image and its descendants, children first, except those in seen, and adds
// them to seen.
func (i *image) visit(seen map[*image]bool, f func(*image) error) error {
	if seen[i] {
		return nil
	}
	seen[i] = true
	for _, child := range i.children {
		if err := child.visit(seen, f); err != nil {
			return err
		}
	}
	return f(i)
}

// visited are the visited images by repository.
type visited map[string]map[*image]bool

func (v visited) in(repository string) map[*image]bool {
	if v[repository] == nil {
		v[repository] = make(map[*image]bool)
	}
	return v[repository]
}

// located is a blob and its file.
type located struct {
	ocispec.Descriptor
	path  string
	frame func(Content) Content // if set, converts the file to the blob
}

// isBlob reports whether the image is a blob that belongs to no image.
func (i *image) isBlob() bool { return len(i.manifests) == 0 }

// root returns the descriptor that the name refers to.
func (i *image) root() ocispec.Descriptor {
	if i.isBlob() {
		return i.blobs[0].Descriptor
	}
	return i.manifests[len(i.manifests)-1].Descriptor
}

// readImages returns the images, and the names of empty repositories.
func readImages(ctx context.Context, src source, o LoadOptions) ([]*image, []string, error) {
	layout, err := exists(src, ocispec.ImageLayoutFile)
	if err != nil {
		return nil, nil, err
	}
	docker, err := exists(src, dockerFile)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case layout:
		images, empty, err := readLayout(src, o)
		if err == nil && docker {
			err = nameByDocker(src, images)
		}
		return images, empty, err
	case docker:
		images, err := readDocker(ctx, src, o.MaxUnpacked)
		return images, nil, err
	}
	return nil, nil, fmt.Errorf("neither an OCI image layout (%s is missing) nor the output of docker save (%s is missing)",
		ocispec.ImageLayoutFile, dockerFile)
}

// placed is an image and its target repository.
type placed struct {
	*image
	repository string
	tags       []string
}

// place determines the target repositories of images.
func place(images []*image, o LoadOptions) ([]placed, error) {
	var places []placed
	taken := make(map[string]digest.Digest)
	for _, img := range images {
		tags, err := img.tags(o.Repository, o.Fallback)
		if err != nil {
			return nil, err
		}
		for _, repo := range sortedKeys(tags) {
			p := placed{img, repo, distinct(tags[repo])}
			if err := (Repository{Name: repo}).checkNames(p.tags...); err != nil {
				return nil, err
			}
			if img.isBlob() && len(p.tags) > 0 {
				return nil, fmt.Errorf("%s cannot be tagged as %s in %s: it is a blob, not a manifest", img.root().Digest, p.tags[0], repo)
			}
			for _, tag := range p.tags {
				d, name := img.root().Digest, repo+":"+tag
				if other, ok := taken[name]; ok && other != d {
					return nil, fmt.Errorf("both %s and %s have the name %s", other, d, name)
				}
				taken[name] = d
			}
			places = append(places, p)
		}
	}
	return places, nil
}

// tags returns the target repositories of the image with its tags.
func (i *image) tags(repository, fallback string) (map[string][]string, error) {
	if len(i.names) == 0 {
		if repository = cmp.Or(repository, fallback); repository == "" {
			return nil, fmt.Errorf("%s has no name: specify the repository", i.root().Digest)
		}
		return map[string][]string{repository: nil}, nil
	}
	tags := make(map[string][]string)
	for _, s := range i.names {
		n := parseName(s)
		if d := i.root().Digest; n.digest != "" && n.digest != d {
			return nil, fmt.Errorf("the name %q is used for %s", s, d)
		}
		if n.repository = cmp.Or(repository, n.repository, fallback); n.repository == "" {
			return nil, fmt.Errorf("the name %q has no repository: specify one", s)
		}
		list := tags[n.repository]
		if n.tag != "" || n.digest == "" {
			list = append(list, n.tag)
		}
		tags[n.repository] = list
	}
	return tags, nil
}
