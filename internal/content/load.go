package content

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// LoadOptions say where content goes and what is asked of it.
type LoadOptions struct {
	// Repository takes all that is loaded; names in the archive give tags only. If
	// empty, names give the repositories.
	Repository string

	// AllowSparse accepts manifests and indexes whose references are missing.
	AllowSparse bool

	// MaxUnpacked is the size in bytes to which an archive or a layer of it is
	// decompressed at the most. Default 8 GiB.
	MaxUnpacked int64
}

const defaultMaxUnpacked = 8 << 30

// Loaded is an image, index or artifact that was loaded or generated.
type Loaded struct {
	Repository string
	Tags       []string
	Descriptor ocispec.Descriptor
}

// Load puts what is at path into a Store: an OCI image layout or what docker save
// writes, as a directory, a tar, or a gzip-compressed tar. Which of them it is, is
// told by its content.
//
// A layout's images get their names from the annotation io.containerd.image.name,
// or else org.opencontainers.image.ref.name, those of docker save from RepoTags;
// an archive that is both is read as a layout, with the names of RepoTags where it
// has them. A name is read so:
//
//	v1                            the tag v1 of o.Repository
//	app:v1                        the tag v1 of app
//	docker.io/library/app:v1      the tag v1 of library/app: a host is dropped
//	localhost:5000/team/app       the tag latest of team/app
//	app@sha256:...                no tag in app
//	none                          no tag: the image is found by digest
//
// What a layout lists with the media type application/octet-stream is a blob that
// belongs to no image; it is put, and not among what is returned.
//
// What [Snapshot] annotates is put as it says.
//
// All that the other images refer to must be there and have its digest and size; a
// docker-save layer must have the config's diff ID, and becomes a gzip stream if it
// is none. That is judged before any manifest is put, and a manifest that the Store
// refuses takes back those that were put before it; blobs may stay.
//
// If the Store has AddBlob, as memstore has, the blobs of a directory are not held
// in memory but read from their files when asked for. From a compressed archive
// content is loaded by way of a temporary file.
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
	places, err := place(images, o.Repository)
	if err != nil {
		return nil, err
	}
	if err := putBlobs(ctx, store, src, places); err != nil {
		return nil, err
	}
	if err := putManifests(ctx, store, places, o.AllowSparse); err != nil {
		return nil, err
	}
	for _, repo := range empty {
		to := Repository{Store: store, Name: cmp.Or(o.Repository, repo)}
		if err := to.create(ctx); err != nil {
			return nil, fmt.Errorf("make the repository %s: %w", to.Name, err)
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

// image is what one name in an archive stands for: an image, an index, an artifact,
// or a blob that belongs to none.
type image struct {
	names     []string
	manifests []registry.PutManifest // what one refers to stands before it; the last is the image itself
	blobs     []located
	children  []*image // of an index; other images may have the same
	height    int      // how deep its children are nested, 0 without any
}

// visit calls f for the image and all that it has as children, these first, but for
// what is in seen already, and adds it to seen.
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

// visited are the images that were put, by repository.
type visited map[string]map[*image]bool

func (v visited) in(repository string) map[*image]bool {
	if v[repository] == nil {
		v[repository] = make(map[*image]bool)
	}
	return v[repository]
}

// located is a blob and the file that it is in.
type located struct {
	ocispec.Descriptor
	path  string
	frame func(Content) Content // if set, makes the blob of the file
}

// isBlob reports whether it is no image but a blob on its own.
func (i *image) isBlob() bool { return len(i.manifests) == 0 }

// root is what the name is on.
func (i *image) root() ocispec.Descriptor {
	if i.isBlob() {
		return i.blobs[0].Descriptor
	}
	return i.manifests[len(i.manifests)-1].Descriptor
}

// readImages returns the images, and the names of repositories without content.
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
		images, empty, err := readLayout(src, o.AllowSparse)
		if err == nil && docker {
			err = nameByDocker(src, images)
		}
		return images, empty, err
	case docker:
		images, err := readDocker(ctx, src, o.MaxUnpacked)
		return images, nil, err
	}
	return nil, nil, fmt.Errorf("neither an OCI image layout, since it has no %s, nor of docker save, since it has no %s",
		ocispec.ImageLayoutFile, dockerFile)
}

// placed is an image and a repository that it goes to.
type placed struct {
	*image
	repository string
	tags       []string
}

// place decides where the images go.
func place(images []*image, repository string) ([]placed, error) {
	var places []placed
	taken := make(map[string]digest.Digest)
	for _, img := range images {
		tags, err := img.tags(repository)
		if err != nil {
			return nil, err
		}
		for _, repo := range slices.Sorted(maps.Keys(tags)) {
			p := placed{img, repo, slices.Compact(slices.Sorted(slices.Values(tags[repo])))}
			if err := (Repository{Name: repo}).checkNames(p.tags...); err != nil {
				return nil, err
			}
			if img.isBlob() && len(p.tags) > 0 {
				return nil, fmt.Errorf("%s cannot have the tag %s in %s: it is a blob, not a manifest", img.root().Digest, p.tags[0], repo)
			}
			for _, tag := range p.tags {
				d, name := img.root().Digest, repo+":"+tag
				if other, ok := taken[name]; ok && other != d {
					return nil, fmt.Errorf("both %s and %s would be %s", other, d, name)
				}
				taken[name] = d
			}
			places = append(places, p)
		}
	}
	return places, nil
}

// tags are the repositories that the image goes to and its tags in each.
func (i *image) tags(repository string) (map[string][]string, error) {
	if len(i.names) == 0 {
		if repository == "" {
			return nil, fmt.Errorf("%s has no name: say which repository it goes to", i.root().Digest)
		}
		return map[string][]string{repository: nil}, nil
	}
	tags := make(map[string][]string)
	for _, s := range i.names {
		n := parseName(s)
		if d := i.root().Digest; n.digest != "" && n.digest != d {
			return nil, fmt.Errorf("the name %q is on %s", s, d)
		}
		if repository != "" {
			n.repository = repository
		}
		if n.repository == "" {
			return nil, fmt.Errorf("the name %q has no repository: say which it goes to", s)
		}
		list := tags[n.repository]
		if n.tag != "" || n.digest == "" {
			list = append(list, n.tag)
		}
		tags[n.repository] = list
	}
	return tags, nil
}
