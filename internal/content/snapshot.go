package content

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Snapshot writes the content of a Store, or of the named repositories, as a tar of an OCI image
// layout. [Load] restores the same repositories, tags, manifests and blobs. The same content
// results in the same bytes. Each blob is written once, even if it is visible in several
// repositories.
//
// The layout's index.json lists, with the annotation
// org.opencontainers.image.ref.name, by repository:
//
//   - each tag, as "repository:tag";
//   - manifests without a tag that are not reachable from another manifest of the
//     repository, as "repository@digest", including artifacts with a
//     subject;
//   - blobs that are not reachable, likewise, with the media type
//     application/octet-stream.
//
// A manifest has the annotation io.github.ocifake.manifest if Load cannot follow all its
// references: a reference is missing or does not match the descriptor, the content is not valid, or
// more than 64 indexes are nested. Load restores such a manifest unchanged, and its existing
// references are listed. The annotation io.github.ocifake.repositories of the index lists the empty
// repositories.
//
// If the first component of a repository looks like a host, as in "a.io/app", the name is prefixed
// with "localhost/", which Load removes.
//
// The layout does not contain upload sessions. A manifest or index.json that exceeds the 64 MiB
// limit of Load is an error.
//
// Nothing is written before all manifests are read. Content that is deleted concurrently is an
// error: use a clone of the Store.
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

// snapshot is the data to write.
type snapshot struct {
	store     registry.Store
	index     []ocispec.Descriptor
	empty     []string // empty repositories
	manifests map[digest.Digest][]byte
	blobs     map[digest.Digest]string // a repository by digest
}

func (s *snapshot) write(ctx context.Context, w *tar.Writer) error {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: append([]ocispec.Descriptor{}, s.index...)}
	if len(s.empty) > 0 {
		index.Annotations = map[string]string{repositoriesAnnotation: strings.Join(s.empty, " ")}
	}
	encoded := encode(index)
	if len(encoded) > maxDocument {
		return fmt.Errorf("size of %s is %d bytes, which exceeds the limit of %d: select fewer repositories",
			ocispec.ImageIndexFile, len(encoded), maxDocument)
	}
	err := cmp.Or(
		writeFile(w, ocispec.ImageLayoutFile, encode(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})),
		writeFile(w, ocispec.ImageIndexFile, encoded),
		writeDirectory(w, ocispec.ImageBlobsDir),
	)
	if err != nil {
		return err
	}
	all := map[digest.Digest]bool{}
	for d := range s.manifests {
		all[d] = true
	}
	for d := range s.blobs {
		all[d] = true
	}
	var algorithm digest.Algorithm
	for _, d := range sortedKeys(all) {
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

// header returns the header of a file. It does not depend on the time or the user.
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
