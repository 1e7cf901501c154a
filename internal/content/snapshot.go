package content

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Snapshot writes the content of a Store, or of the named repositories of it, as a
// tar of an OCI image layout, from which [Load] brings back the same repositories,
// tags, manifests and blobs. The same content gives the same bytes. Each blob is
// written once, from where it lies, whatever repositories it is visible in.
//
// The layout's index.json lists, with the annotation
// org.opencontainers.image.ref.name, by repository:
//
//   - each tag, as "repository:tag";
//   - manifests without a tag that no other manifest of the repository has as a
//     child, as "repository@digest", artifacts that refer to a subject among them;
//   - blobs that no manifest of the repository has, likewise, with the media type
//     application/octet-stream.
//
// If the first word of a repository looks like a host, as in "a.io/app", the name
// is put after "localhost/", which Load drops.
//
// References to what is not there are no error; Load needs AllowSparse for such
// content, and then makes it visible in a repository if another one has it. Not in
// the layout are repositories that have no content, and upload sessions. Load
// refuses manifests in whose descriptors a size is wrong, indexes nested deeper
// than 64, and documents of more than 64 MiB.
//
// Nothing is written before all manifests were read. It is an error if something
// is deleted meanwhile: take the snapshot of a clone.
func Snapshot(ctx context.Context, store registry.Store, w io.Writer, repos ...string) error {
	s := &snapshot{store: store, manifests: make(map[digest.Digest][]byte), blobs: make(map[digest.Digest]string)}
	if err := s.survey(ctx, repos); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	err := s.write(ctx, tar.NewWriter(buffered))
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// snapshot is what there is to write.
type snapshot struct {
	store     registry.Store
	index     []ocispec.Descriptor
	manifests map[digest.Digest][]byte
	blobs     map[digest.Digest]string // to a repository that has it
}

func (s *snapshot) survey(ctx context.Context, repos []string) error {
	if len(repos) == 0 {
		for repo, err := range s.store.Repositories(ctx, "") {
			if err != nil {
				return fmt.Errorf("list the repositories: %w", err)
			}
			repos = append(repos, repo)
		}
	}
	for _, repo := range slices.Compact(slices.Sorted(slices.Values(repos))) {
		if err := s.surveyRepository(ctx, repo); err != nil {
			return fmt.Errorf("repository %s: %w", repo, err)
		}
	}
	return nil
}

func (s *snapshot) surveyRepository(ctx context.Context, repo string) error {
	tagged := make(map[digest.Digest]bool)
	var tags []registry.Tag
	for tag, err := range s.store.Tags(ctx, repo, "") {
		if err != nil {
			return fmt.Errorf("list the tags: %w", err)
		}
		tags, tagged[tag.Digest] = append(tags, tag), true
	}
	manifests, children, err := s.surveyManifests(ctx, repo)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		desc, ok := manifests[tag.Digest]
		if !ok {
			return fmt.Errorf("tag %s is on %s, which is no manifest here", tag.Name, tag.Digest)
		}
		s.list(desc, localName(repo)+":"+tag.Name)
	}
	for _, d := range slices.Sorted(maps.Keys(manifests)) {
		if !tagged[d] && !children[key{d, true}] {
			s.list(manifests[d], localName(repo)+"@"+d.String())
		}
	}
	for desc, err := range s.store.Blobs(ctx, repo, "") {
		if err != nil {
			return fmt.Errorf("list the blobs: %w", err)
		}
		s.blobs[desc.Digest] = repo
		if !children[key{desc.Digest, false}] {
			desc.MediaType = octets
			s.list(desc, localName(repo)+"@"+desc.Digest.String())
		}
	}
	return nil
}

// surveyManifests returns the manifests of a repository, and what Load brings back
// with them since they refer to it.
func (s *snapshot) surveyManifests(ctx context.Context, repo string) (map[digest.Digest]ocispec.Descriptor, map[key]bool, error) {
	manifests, children := make(map[digest.Digest]ocispec.Descriptor), make(map[key]bool)
	for desc, err := range s.store.Manifests(ctx, repo, "") {
		if err != nil {
			return nil, nil, fmt.Errorf("list the manifests: %w", err)
		}
		m, err := s.store.Manifest(ctx, repo, desc.Digest.String())
		if err != nil {
			return nil, nil, err
		}
		parsed, err := registry.ParseManifest(m.Descriptor.MediaType, m.Content)
		if err != nil {
			return nil, nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
		}
		manifests[desc.Digest], s.manifests[desc.Digest] = m.Descriptor, m.Content
		for _, ref := range parsed.Require {
			if !ref.Optional {
				children[referenceKey(ref)] = true
			}
		}
	}
	return manifests, children, nil
}

func (s *snapshot) list(desc ocispec.Descriptor, name string) {
	s.index = append(s.index, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size,
		Annotations: map[string]string{ocispec.AnnotationRefName: name}})
}

func (s *snapshot) write(ctx context.Context, w *tar.Writer) error {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: append([]ocispec.Descriptor{}, s.index...)}
	err := cmp.Or(
		writeFile(w, ocispec.ImageLayoutFile, encode(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})),
		writeFile(w, ocispec.ImageIndexFile, encode(index)),
		writeDirectory(w, ocispec.ImageBlobsDir),
	)
	if err != nil {
		return err
	}
	all := slices.AppendSeq(slices.Collect(maps.Keys(s.manifests)), maps.Keys(s.blobs))
	slices.Sort(all)
	var algorithm digest.Algorithm
	for _, d := range slices.Compact(all) {
		if !op.ValidDigest(d) {
			return fmt.Errorf("%q is not a sha256 or sha512 digest", d)
		}
		if d.Algorithm() != algorithm {
			algorithm = d.Algorithm()
			if err := writeDirectory(w, ocispec.ImageBlobsDir+"/"+algorithm.String()); err != nil {
				return err
			}
		}
		if err := s.writeContent(ctx, w, d); err != nil {
			return err
		}
	}
	return w.Close()
}

// writeContent writes a manifest or a blob.
func (s *snapshot) writeContent(ctx context.Context, w *tar.Writer, d digest.Digest) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if content, ok := s.manifests[d]; ok {
		return writeFile(w, blobPath(d), content)
	}
	b, err := s.store.OpenBlob(ctx, s.blobs[d], d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := w.WriteHeader(header(blobPath(d), b.Size())); err != nil {
		return err
	}
	n, err := b.WriteRange(contextWriter{ctx, w}, 0, b.Size())
	if err == nil && n != b.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("blob %s of repository %s: %w", d, s.blobs[d], err)
	}
	return nil
}

// header is that of a file, with nothing in it that tells when or by whom it was
// written.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}
}

func writeFile(w *tar.Writer, name string, content []byte) error {
	if err := w.WriteHeader(header(name, int64(len(content)))); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

func writeDirectory(w *tar.Writer, name string) error {
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
}
