package kept

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/registry"
)

// minShallow is the size in bytes above which a layer is generated.
const minShallow = 4 << 10

// maxConfig is the maximum size in bytes of the config of an image whose layers are generated.
const maxConfig = 4 << 20

// isGenerated reports whether layers of a media type are generated: tars compressed with gzip.
func isGenerated(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageLayerGzip || mediaType == "application/vnd.docker.image.rootfs.diff.tar.gzip"
}

// flattening replaces digests.
type flattening struct {
	host     *Host
	answers  *replay.Answers
	replaced map[string]string // digests by old digests, of the same length
	between  map[string]bool   // digests of manifests of which only a part was replaced
}

// flatten replaces the layers of images by generated ones of the same size. Configs, manifests and
// indexes have the new digests in the place of the old ones, and so the same sizes as before.
func (h *Host) flatten(ctx context.Context, a *replay.Answers) error {
	f := &flattening{host: h, answers: a, replaced: map[string]string{}, between: map[string]bool{}}
	a.Generated, a.Replaced = map[digest.Digest]replay.Generated{}, map[digest.Digest]string{}
	places := slices.SortedFunc(maps.Keys(h.manifests), comparePlaces)
	for _, p := range places {
		if err := f.image(ctx, p); err != nil {
			return fmt.Errorf("%s/%s: %w", p.repo, p.path(), err)
		}
	}
	for _, p := range places {
		if err := f.drop(ctx, p); err != nil {
			return fmt.Errorf("%s/%s: %w", p.repo, p.path(), err)
		}
	}
	maps.DeleteFunc(a.Generated, func(_ digest.Digest, g replay.Generated) bool { return len(g.Repositories) == 0 })
	f.manifests(places)
	for old, new := range f.replaced {
		if !f.between[old] {
			a.Replaced[digest.Digest(old)] = new
		}
	}
	for at, d := range h.tags {
		h.tags[at] = digest.Digest(f.now(string(d)))
	}
	for repo, paths := range a.Absent {
		for i := range paths {
			a.Absent[repo][i] = f.text(paths[i])
		}
	}
	for repo, subjects := range a.Referrers {
		for i := range subjects {
			a.Referrers[repo][i] = digest.Digest(f.now(string(subjects[i])))
		}
		slices.Sort(a.Referrers[repo])
	}
	return nil
}

func (f *flattening) now(d string) string { return cmp.Or(f.replaced[d], d) }

// image generates the layers of an image and replaces its config. Those of an image whose config
// is not there stay.
func (f *flattening) image(ctx context.Context, p place) error {
	var m ocispec.Manifest
	if json.Unmarshal(f.host.manifests[p].content, &m) != nil || len(m.Layers) == 0 || m.Config.Size > maxConfig {
		return nil
	}
	config, err := f.readConfig(ctx, p.repo, m.Config.Digest)
	if err != nil {
		return nil
	}
	var image struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if json.Unmarshal(config, &image) != nil || len(image.RootFS.DiffIDs) != len(m.Layers) {
		return nil // an artifact
	}
	for i, layer := range m.Layers {
		if isGenerated(layer.MediaType) && layer.Size >= minShallow && layer.Size <= replay.MaxGenerated && layer.Digest.Algorithm() == digest.SHA256 {
			if err := f.layer(ctx, layer, image.RootFS.DiffIDs[i]); err != nil {
				return err
			}
		}
	}
	return f.config(ctx, p.repo, m.Config.Digest, config)
}

func (f *flattening) readConfig(ctx context.Context, repo string, d digest.Digest) ([]byte, error) {
	b, err := f.host.store.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if b.Size() > maxConfig {
		return nil, fmt.Errorf("config %s has %d bytes", d, b.Size())
	}
	return io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
}

// layer finds the layer in the place of another. Equal layers have the same seed.
func (f *flattening) layer(ctx context.Context, layer ocispec.Descriptor, diffID digest.Digest) error {
	if f.replaced[string(layer.Digest)] != "" {
		return nil
	}
	g := replay.Generated{Size: layer.Size, Seed: seedOf(layer.Digest)}
	made, err := content.GenerateLayer(ctx, g.Seed, g.Size)
	if err != nil {
		return err
	}
	f.replaced[string(layer.Digest)], f.replaced[string(diffID)] = string(made.Digest), string(made.DiffID)
	f.answers.Generated[made.Digest] = g
	return nil
}

// drop removes layers that were replaced from a repository in which a client has read them.
func (f *flattening) drop(ctx context.Context, p place) error {
	var m ocispec.Manifest
	if json.Unmarshal(f.host.manifests[p].content, &m) != nil {
		return nil
	}
	for _, layer := range m.Layers {
		d := digest.Digest(f.replaced[string(layer.Digest)])
		g, ok := f.answers.Generated[d]
		if !ok || !f.host.hasBlob(place{repo: p.repo, ref: string(layer.Digest)}) {
			continue
		}
		g.Repositories = append(g.Repositories, p.repo)
		f.answers.Generated[d] = g
		if err := f.host.store.DeleteBlob(ctx, p.repo, layer.Digest); err != nil {
			return err
		}
	}
	return nil
}

// seedOf returns the first bytes of a digest.
func seedOf(d digest.Digest) uint64 {
	var first [8]byte
	_, _ = hex.Decode(first[:], []byte(d.Encoded()[:16])) // a valid digest is hexadecimal
	return binary.BigEndian.Uint64(first[:])
}

// config replaces the diff IDs in a config.
func (f *flattening) config(ctx context.Context, repo string, d digest.Digest, config []byte) error {
	changed := []byte(f.text(string(config)))
	if bytes.Equal(changed, config) {
		return nil
	}
	now := digest.FromBytes(changed)
	f.replaced[string(d)] = string(now)
	upload, err := f.host.store.NewUpload(ctx, repo, digest.SHA256)
	if err != nil {
		return err
	}
	if err := upload.Commit(ctx, registry.Chunk{Body: bytes.NewReader(changed), Offset: registry.Unknown, Length: int64(len(changed))}, now); err != nil {
		return err
	}
	return f.host.store.DeleteBlob(ctx, repo, d)
}

// manifests replaces digests in manifests until none refers to one that was replaced. A manifest
// cannot contain its own digest, so that this ends.
func (f *flattening) manifests(places []place) {
	for changed := true; changed; {
		changed = false
		for i, p := range places {
			m := f.host.manifests[p]
			text := f.text(string(m.content))
			if text == string(m.content) {
				continue
			}
			changed = true
			now := place{p.repo, string(digest.FromString(text)), true}
			for old, new := range f.replaced {
				if new == p.ref {
					f.replaced[old], f.between[new] = now.ref, true
				}
			}
			f.replaced[p.ref] = now.ref
			delete(f.host.manifests, p)
			f.host.manifests[now] = manifest{m.mediaType, []byte(text)}
			places[i] = now
		}
	}
}

// text returns a text with digests replaced.
func (f *flattening) text(s string) string {
	const prefix = "sha256:"
	const length = len(prefix) + 64
	var b strings.Builder
	for {
		i := strings.Index(s, prefix)
		if i < 0 || len(s) < i+length {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		if now := f.replaced[s[i:i+length]]; now != "" {
			b.WriteString(now)
			s = s[i+length:]
		} else {
			b.WriteString(prefix)
			s = s[i+len(prefix):]
		}
	}
}
