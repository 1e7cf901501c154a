package pulled

import (
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
func (i *Image) claims(t *tree) []Result {
	var all []Result
	damaged := func(where, format string, args ...any) {
		all = append(all, Result{State: Damaged, Reason: t.place(where) + ": " + fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		f := t.files[name]
		if want := i.namedAfter(name); want != "" && f.size > 0 && !f.is(want) {
			damaged(name, "the file does not have the digest in its name")
		}
		dir := path.Dir(name)
		switch {
		case path.Base(name) == "index.json" && t.at(path.Join(dir, "oci-layout")) != nil:
			all = append(all, i.inLayout(t, dir, f))
		case path.Base(name) == "manifest.json" && strings.HasPrefix(strings.TrimSpace(string(f.text)), "["):
			all = append(all, i.inDockerArchive(t, dir, f))
		case path.Base(name) == "manifest.json" && t.at(path.Join(dir, "version")) != nil:
			all = append(all, i.inSkopeoDir(t, dir, f))
		}
	}
	if t.broken == nil {
		return all
	}
	for at := range all {
		if all[at].State == Found {
			all[at] = Result{State: Damaged, Reason: fmt.Sprintf("%s: the archive is not complete: %v", t.name, t.broken)}
		}
	}
	return all
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
func (i *Image) inLayout(t *tree, dir string, index *file) Result {
	where := t.place(path.Join(dir, "index.json"))
	var list struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(index.text, &list); err != nil {
		return Result{State: Damaged, Reason: fmt.Sprintf("%s is not JSON: %v", where, err)}
	}
	if len(list.Manifests) == 0 {
		return Result{State: Absent, Reason: where + " lists no manifest"}
	}
	blob := func(d digest.Digest) *file {
		if d.Validate() != nil {
			return nil
		}
		return t.at(path.Join(dir, "blobs", d.Algorithm().String(), d.Encoded()))
	}
	var other Result
	for _, listed := range list.Manifests {
		manifest := blob(listed.Digest)
		switch {
		case manifest == nil:
			other = Result{State: Damaged, Reason: fmt.Sprintf("%s lists %s, which is not in the layout", where, listed.Digest)}
			continue
		case listed.Digest == i.Manifest:
			return i.whole(where, manifest, blob, nil)
		}
		var m manifestFile
		if err := json.Unmarshal(manifest.text, &m); err != nil || m.Config.Digest != i.Config || len(m.Layers) != len(i.Layers) {
			other = Result{State: Damaged, Reason: fmt.Sprintf("%s lists %s, and not the image %s", where, listed.Digest, i.Manifest)}
			continue
		}
		return i.whole(where, nil, blob, func(n int) *file { return blob(m.Layers[n].Digest) })
	}
	return other
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
func (i *Image) inDockerArchive(t *tree, dir string, list *file) Result {
	where := t.place(path.Join(dir, "manifest.json"))
	var images []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(list.text, &images); err != nil {
		return Result{State: Damaged, Reason: fmt.Sprintf("%s is not JSON: %v", where, err)}
	}
	if len(images) == 0 {
		return Result{State: Absent, Reason: where + " lists no image"}
	}
	var result Result
	for _, image := range images {
		if len(image.Layers) != len(i.Layers) {
			result = Result{State: Damaged, Reason: fmt.Sprintf("%s lists an image of %d layers instead of %d", where, len(image.Layers), len(i.Layers))}
			continue
		}
		config := func(digest.Digest) *file { return t.at(path.Join(dir, image.Config)) }
		result = i.whole(where, nil, config, func(n int) *file { return t.at(path.Join(dir, image.Layers[n])) })
		if result.State == Found {
			return result
		}
	}
	return result
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
	var m manifestFile
	if err := json.Unmarshal(manifest.text, &m); err != nil || m.Config.Digest != i.Config || len(m.Layers) != len(i.Layers) {
		return Result{State: Damaged, Reason: where + " is another manifest than " + string(i.Manifest)}
	}
	other := m.image()
	if err := (&Image{Manifest: i.Manifest, Config: other.Config, Layers: other.Layers}).check(); err != nil {
		return Result{State: Damaged, Reason: where + ": " + err.Error()}
	}
	return i.whole(where, nil, blob, func(n int) *file { return blob(m.Layers[n].Digest) })
}
