package pulled

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// claims returns what the files of a tree that are named after an image, or list images,
// say about the image. Half an archive without such a file claims nothing: clients write
// temporary files.
func (i *Image) claims(ctx context.Context, t *tree) ([]Result, error) {
	var all []Result
	var err error
	claim := func(r Result, failed error) { all, err = append(all, r), failed }
	damaged := func(where, format string, args ...any) {
		all = append(all, Result{State: Damaged, Reason: t.place(where) + ": " + fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f := t.files[name]
		if want := i.namedAfter(name); want != "" && f.size > 0 && !f.is(want) {
			damaged(name, "the file does not have the digest in its name")
		}
		dir := path.Dir(name)
		switch {
		case path.Base(name) == "index.json" && t.at(path.Join(dir, "oci-layout")) != nil:
			claim(i.inLayout(ctx, t, dir, f))
		case path.Base(name) == "manifest.json" && strings.HasPrefix(strings.TrimSpace(string(f.text)), "["):
			claim(i.inDockerArchive(ctx, t, dir, f))
		case path.Base(name) == "manifest.json" && t.at(path.Join(dir, "version")) != nil:
			claim(i.inSkopeoDir(t, dir, f), nil)
		}
		if err != nil {
			return nil, err
		}
	}
	if t.broken == nil {
		return all, nil
	}
	for at := range all {
		if all[at].State == Found {
			all[at] = Result{State: Damaged, Reason: fmt.Sprintf("%s: the archive is not complete: %v", t.name, t.broken)}
		}
	}
	return all, nil
}

// checkEntry returns an error at entry n, from 0, of a list if the list is too long or the context
// has ended.
func checkEntry(ctx context.Context, where string, n int) error {
	if n >= maxEntries {
		return fmt.Errorf("%w: %s lists more than %d images", errTooMuch, where, maxEntries)
	}
	return ctx.Err()
}

// place names a file for messages.
func (t *tree) place(name string) string {
	if t.name != "" && name != "" {
		return t.name + ":" + name
	}
	return t.name + name
}

// suffixes are what clients append to a digest in a file's name.
var suffixes = []string{".tar.gz", ".tgz", ".tar", ".gz", ".json"}

// namedAfter returns the digest of the image that a file's name has, or "".
func (i *Image) namedAfter(name string) digest.Digest {
	base := path.Base(name)
	for _, suffix := range suffixes {
		if strings.HasSuffix(base, suffix) {
			base = strings.TrimSuffix(base, suffix)
			break
		}
	}
	for _, d := range i.digests() {
		if base == d.Encoded() || base == string(d) || base == d.Algorithm().String()+"-"+d.Encoded() {
			return d
		}
	}
	return ""
}

// inLayout looks for the image in an OCI image layout.
func (i *Image) inLayout(ctx context.Context, t *tree, dir string, index *file) (Result, error) {
	where := t.place(path.Join(dir, "index.json"))
	var list struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(index.text, &list); err != nil {
		return Result{State: Damaged, Reason: fmt.Sprintf("%s is not JSON: %v", where, err)}, nil
	}
	if len(list.Manifests) == 0 {
		return Result{State: Absent, Reason: where + " lists no manifest"}, nil
	}
	blob := func(d digest.Digest) *file {
		if d.Validate() != nil {
			return nil
		}
		return t.at(path.Join(dir, "blobs", d.Algorithm().String(), d.Encoded()))
	}
	var other Result
	for n, listed := range list.Manifests {
		if err := checkEntry(ctx, where, n); err != nil {
			return Result{}, err
		}
		manifest := blob(listed.Digest)
		switch {
		case manifest == nil:
			other = Result{State: Damaged, Reason: fmt.Sprintf("%s lists %s, which is not in the layout", where, listed.Digest)}
			continue
		case listed.Digest == i.Manifest:
			return i.whole(where, manifest, blob, nil), nil
		}
		m := i.converted(manifest)
		if m == nil {
			other = Result{State: Damaged, Reason: fmt.Sprintf("%s lists %s, and not the image %s", where, listed.Digest, i.Manifest)}
			continue
		}
		return i.whole(where, nil, blob, func(n int) *file { return blob(m.Layers[n].Digest) }), nil
	}
	return other, nil
}

// converted returns the manifest in a file if it has the config of the image, and as many layers. A
// file is parsed once, however many entries list it.
func (i *Image) converted(f *file) *manifestFile {
	if f.parsed {
		return f.manifest
	}
	f.parsed = true
	var m manifestFile
	if err := json.Unmarshal(f.text, &m); err == nil && m.Config.Digest == i.Config && len(m.Layers) == len(i.Layers) {
		f.manifest = &m
	}
	return f.manifest
}

// whole checks that the contents of an image are there and right. blob returns the file
// of a digest, and layer the file of a layer if that has another digest than the image's.
func (i *Image) whole(where string, manifest *file, blob func(digest.Digest) *file, layer func(n int) *file) Result {
	damaged := func(format string, args ...any) Result {
		return Result{State: Damaged, Reason: where + ": " + fmt.Sprintf(format, args...)}
	}
	if manifest != nil && !manifest.is(i.Manifest) {
		return damaged("the manifest %s has other content", i.Manifest)
	}
	switch config := blob(i.Config); {
	case config == nil:
		return damaged("the config %s is missing", i.Config)
	case !config.is(i.Config):
		return damaged("the config %s has other content", i.Config)
	}
	for n, l := range i.Layers {
		var f *file
		if layer == nil {
			f = blob(l.Digest)
		} else {
			f = layer(n)
		}
		switch {
		case f == nil:
			return damaged("layer %d, %s, is missing", n+1, l.Digest)
		case !f.is(l.Digest, l.DiffID):
			return damaged("layer %d, %s, has other content", n+1, l.Digest)
		}
	}
	return Result{State: Found, Reason: where + " has the image", Converted: manifest == nil}
}

// inDockerArchive looks for the image in an archive as docker save writes it.
func (i *Image) inDockerArchive(ctx context.Context, t *tree, dir string, list *file) (Result, error) {
	where := t.place(path.Join(dir, "manifest.json"))
	var images []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(list.text, &images); err != nil {
		return Result{State: Damaged, Reason: fmt.Sprintf("%s is not JSON: %v", where, err)}, nil
	}
	if len(images) == 0 {
		return Result{State: Absent, Reason: where + " lists no image"}, nil
	}
	var result Result
	for n, image := range images {
		if err := checkEntry(ctx, where, n); err != nil {
			return Result{}, err
		}
		if len(image.Layers) != len(i.Layers) {
			result = Result{State: Damaged, Reason: fmt.Sprintf("%s lists an image of %d layers instead of %d", where, len(image.Layers), len(i.Layers))}
			continue
		}
		config := func(digest.Digest) *file { return t.at(path.Join(dir, image.Config)) }
		result = i.whole(where, nil, config, func(n int) *file { return t.at(path.Join(dir, image.Layers[n])) })
		if result.State == Found {
			return result, nil
		}
	}
	return result, nil
}

// inSkopeoDir looks for the image in a directory of "skopeo copy … dir:".
func (i *Image) inSkopeoDir(t *tree, dir string, manifest *file) Result {
	blob := func(d digest.Digest) *file {
		if d.Algorithm() != digest.Canonical {
			return t.at(path.Join(dir, d.Algorithm().String()+"-"+d.Encoded()))
		}
		return t.at(path.Join(dir, d.Encoded()))
	}
	where := t.place(path.Join(dir, "manifest.json"))
	if manifest.is(i.Manifest) {
		return i.whole(where, manifest, blob, nil)
	}
	m := i.converted(manifest)
	if m == nil {
		return Result{State: Damaged, Reason: where + " is another manifest than " + string(i.Manifest)}
	}
	other := m.image()
	if err := (&Image{Manifest: i.Manifest, Config: other.Config, Layers: other.Layers}).check(); err != nil {
		return Result{State: Damaged, Reason: where + ": " + err.Error()}
	}
	return i.whole(where, nil, blob, func(n int) *file { return blob(m.Layers[n].Digest) })
}
