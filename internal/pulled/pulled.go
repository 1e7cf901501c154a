// Package pulled finds an image in the directory into which a client has pulled it.
//
//	image, err := pulled.Describe(manifest, config)
//	...
//	result, err := pulled.Find(ctx, dir, image)
//	// result.State is Found, Absent or Damaged
//
// It knows OCI image layouts, archives as "docker save" writes them, directories of skopeo
// ("dir:"), each as files or in a tar, and otherwise looks for the content of the layers in
// all files, whatever their names.
package pulled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
)

// Image is what a client should have pulled.
type Image struct {
	Manifest digest.Digest
	Config   digest.Digest
	Layers   []Layer
}

// Layer is a layer of an image, or a file of an artifact.
type Layer struct {
	Digest digest.Digest
	DiffID digest.Digest // of the layer without compression; empty if it is not known
}

// State says whether an image is in a directory.
type State string

// The states.
const (
	Found   State = "found"
	Absent  State = "absent"  // nothing in the directory claims to be the image
	Damaged State = "damaged" // something claims to be it, and is not
)

// Result is the result of a search.
type Result struct {
	State  State
	Reason string // one sentence without a full stop: what was found, or what is wrong

	// Converted is set if config and layers were found and the manifest was not, as in
	// archives of docker save. It means that nothing is known about the manifest.
	Converted bool
}

// As returns the result as judged by that of a run without a fault: if that one found the
// manifest, another manifest is damage.
func (r Result) As(plain Result) Result {
	if r.Converted && plain.State == Found && !plain.Converted {
		return Result{State: Damaged, Reason: "the image has another manifest: " + r.Reason}
	}
	return r
}

// maxText is the size of a file that is read as JSON.
const maxText = 4 << 20

// Describe returns the image of a manifest and its config. The config may be empty, for
// an artifact.
func Describe(manifest, config []byte) (Image, error) {
	var m manifestFile
	if err := json.Unmarshal(manifest, &m); err != nil {
		return Image{}, fmt.Errorf("pulled: manifest: %w", err)
	}
	image := m.image()
	image.Manifest = digest.FromBytes(manifest)
	if err := image.check(); err != nil {
		return Image{}, fmt.Errorf("pulled: manifest: %w", err)
	}
	var c struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if json.Unmarshal(config, &c) == nil && len(c.RootFS.DiffIDs) == len(image.Layers) {
		for i, d := range c.RootFS.DiffIDs {
			if d.Validate() == nil {
				image.Layers[i].DiffID = d
			}
		}
	}
	return image, nil
}

// manifestFile is the JSON of an image manifest.
type manifestFile struct {
	Config descriptor   `json:"config"`
	Layers []descriptor `json:"layers"`
}

type descriptor struct {
	Digest digest.Digest `json:"digest"`
}

func (m *manifestFile) image() Image {
	image := Image{Config: m.Config.Digest}
	for _, l := range m.Layers {
		image.Layers = append(image.Layers, Layer{Digest: l.Digest})
	}
	return image
}

// check returns an error if a digest is not valid.
func (i *Image) check() error {
	for _, d := range i.digests() {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("digest %q: %w", d, err)
		}
	}
	return nil
}

// digests returns the digests of the image's contents, as pushed and without compression.
func (i *Image) digests() []digest.Digest {
	all := []digest.Digest{i.Manifest, i.Config}
	for _, l := range i.Layers {
		all = append(all, l.Digest)
		if l.DiffID != "" {
			all = append(all, l.DiffID)
		}
	}
	return all
}

// Find looks for an image in a directory. It reads at most a GiB and 20,000 files, and
// follows no symbolic link out of the directory. It returns an error if the directory
// cannot be read, has more, or has a list of more than 20,000 images.
func Find(ctx context.Context, dir string, image Image) (Result, error) {
	if err := image.check(); err != nil {
		return Result{}, fmt.Errorf("pulled: image: %w", err)
	}
	return find(dir, image, &reader{ctx: ctx, wanted: image.digests(), bytes: maxBytes, files: maxFiles})
}

func find(dir string, image Image, r *reader) (Result, error) {
	trees, err := r.readDirectory(dir)
	if err != nil {
		return Result{}, fmt.Errorf("pulled: %s: %w", dir, err)
	}
	result, err := image.find(r.ctx, trees)
	if err != nil {
		return Result{}, fmt.Errorf("pulled: %s: %w", dir, err)
	}
	return result, nil
}

// find looks for the image in a directory and in the archives in it.
func (i *Image) find(ctx context.Context, trees []*tree) (Result, error) {
	var claims []Result
	for _, t := range trees {
		more, err := i.claims(ctx, t)
		if err != nil {
			return Result{}, err
		}
		claims = append(claims, more...)
	}
	for _, want := range []func(Result) bool{
		func(r Result) bool { return r.State == Damaged },
		func(r Result) bool { return r.State == Found && !r.Converted },
		func(r Result) bool { return r.State == Found },
		func(Result) bool { return true },
	} {
		if at := slices.IndexFunc(claims, want); at >= 0 {
			return claims[at], nil
		}
	}
	return i.loose(trees[0]), nil
}

// loose looks for the layers in all files of the directory.
func (i *Image) loose(t *tree) Result {
	there := 0
	for _, l := range i.Layers {
		if t.has(l.Digest, l.DiffID) {
			there++
		}
	}
	switch {
	case len(t.files) == 0:
		return Result{State: Absent, Reason: "the directory has no files"}
	case there < len(i.Layers) || there == 0 && !t.has(i.Manifest, i.Config):
		return Result{State: Absent, Reason: fmt.Sprintf("%d of %d layers are in the directory, which has %d files", there, len(i.Layers), len(t.files))}
	}
	return Result{State: Found, Reason: fmt.Sprintf("all %d layers are in the directory", there), Converted: !t.has(i.Manifest)}
}

var errTooMuch = errors.New("the directory is too large")
