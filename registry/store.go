package registry

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Store keeps the content of a registry. The registry parses and checks requests; each method
// of the Store is one atomic step, whose arguments have all that its outcome depends on. A
// method that fails changes nothing, except that an upload session keeps what arrived before a
// read error.
//
// All methods are safe for concurrent use, and none waits for another call's
// body or writer. Names, tags and digests given to a Store are valid by the
// specification's grammar. They are compared byte by byte, and digests may be
// sha256 or sha512 everywhere. Methods fail with a [Cause], or an error that
// wraps one, where their comment names it; any other error becomes a 500.
//
// The slices and maps that a method is given belong to its caller again when it
// returns: a Store copies what it keeps, and does not change them. The caller must
// not change what a method returns; the Store does not change it either, even when
// the content changes.
//
// A method may ignore its context. If the context is done, a method works as usual,
// or fails with an error that wraps ctx.Err() and no Cause. If it is done while a
// body arrives, a method that does not ignore it treats it as a read error of the
// body.
//
// A Store may be read-only: all methods that would change content, and NewUpload, then fail with
// Denied.
//
// Content is visible only in the repositories that it was pushed or mounted into. A repository
// exists from its first completed blob, mount or manifest, and continues to exist when that is
// deleted.
//
// Package storetest checks an implementation.
//
// This interface is experimental: its methods may change in any release.
type Store interface {
	// OpenBlob opens a blob. Each call returns a new Blob, and closing it does not
	// close others. Fails with BlobUnknown.
	OpenBlob(ctx context.Context, repo string, d digest.Digest) (Blob, error)

	// DeleteBlob deletes a blob from one repository, also if a manifest refers
	// to it. Blobs that are open stay readable. Fails with BlobUnknown.
	DeleteBlob(ctx context.Context, repo string, d digest.Digest) error

	// MountBlob makes a blob of the repository from visible in repo. If it is visible there
	// already, nothing changes. Fails with BlobUnknown if from does not have the blob or does
	// not exist, whatever repo has.
	MountBlob(ctx context.Context, repo string, d digest.Digest, from string) error

	// NewUpload opens an upload session. The algorithm is the expected one of the content's
	// digest; a commit may use another. Fails with TooManyUploads.
	NewUpload(ctx context.Context, repo string, algorithm digest.Algorithm) (Upload, error)

	// OpenUpload finds an upload session again. Fails with UploadUnknown if it
	// was committed or cancelled, has expired, or is one of another repository.
	OpenUpload(ctx context.Context, repo, id string) (Upload, error)

	// Manifest returns a manifest by digest, or by tag: ref is a digest if it has
	// a colon, and otherwise a tag, even if it looks like a part of a digest.
	// Fails with ManifestUnknown.
	Manifest(ctx context.Context, repo, ref string) (Manifest, error)

	// PutManifest stores a manifest and sets tags on it: all or nothing. If its
	// digest is stored already, the new media type, artifact type and annotations
	// replace the old.
	//
	// It checks in this order: the precondition (PreconditionFailed), the tags that may not
	// move (TagImmutable), the references, the errors of [Reference.Judge] being joined by
	// [errors.Join], and the space (Full). The errors are in the order of Require; of those
	// with the same digest, the later ones may be left out.
	PutManifest(ctx context.Context, repo string, m PutManifest) error

	// DeleteManifest deletes a manifest, with all tags on it and its entry among
	// the referrers of its subject, if ref is a digest, or else only that tag.
	// What it referred to, and what refers to it, stay.
	// Fails with ManifestUnknown, or else with PreconditionFailed.
	DeleteManifest(ctx context.Context, repo, ref string, p Precondition) error

	// Repositories lists the repositories by name, in bytewise order, after the
	// given name; an empty one is before the first. This and the other lists
	// show the content at one moment, and cost no more than what is taken. The
	// moment is between the call and the beginning of the loop. The entry that a
	// list comes after need not exist. A list has no limit, and can be looped over
	// more than once.
	Repositories(ctx context.Context, after string) iter.Seq2[string, error]

	// Tags lists the tags of a repository in bytewise order, with the digest of the manifest
	// that each is on. The error is NameUnknown if there is no such repository.
	Tags(ctx context.Context, repo, after string) iter.Seq2[Tag, error]

	// Manifests lists the manifests of a repository in bytewise order of their
	// digests. An unknown repository has none.
	Manifests(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]

	// Referrers lists the manifests of a repository whose subject has the given digest, in
	// bytewise order of their own digests, with their artifact type and annotations. The
	// subject need not exist, nor the repository.
	Referrers(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]

	// Blobs lists the blobs of a repository in bytewise order of their digests;
	// digest and size are set. An unknown repository has none.
	Blobs(ctx context.Context, repo string, after digest.Digest) iter.Seq2[ocispec.Descriptor, error]

	// BlobRepositories lists the repositories in which a blob is visible.
	BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[string, error]

	// Uploads lists the identifiers of the upload sessions open in a repository, or
	// in all if repo is empty, in no particular order.
	Uploads(ctx context.Context, repo string) iter.Seq2[string, error]
}

// Blob is an open blob. Its methods may be called concurrently, except Close.
type Blob interface {
	io.ReaderAt
	io.Closer

	// Size is the length of the blob in bytes.
	Size() int64

	// WriteRange writes n bytes from the offset off to w, without copying them if possible, and
	// returns the number of bytes written. The range must lie within the blob. The bytes given
	// to w.Write must not be changed.
	WriteRange(w io.Writer, off, n int64) (int64, error)
}

// Upload is a handle on an upload session. Handles on the same session may be
// used concurrently; the session takes one Append or Commit at a time.
//
// This interface is experimental: its methods may change in any release.
type Upload interface {
	// ID identifies the session in its repository. It is a UUID.
	ID() string

	// Size is the number of bytes received so far, including those of a chunk that is still
	// arriving. It has no meaning once the session is gone.
	Size() int64

	// Append adds a chunk. If its body ends with a read error, what arrived
	// before is kept, and the error returned; after any other failure the
	// session is as it was before. A body that ends with an error other than
	// [io.EOF], even [io.ErrUnexpectedEOF], and has no more bytes than the chunk
	// says, ends with a read error.
	//
	// Fails with UploadUnknown if the session is gone or goes while the chunk
	// arrives, or else UploadRange if another call is writing or the chunk, even
	// an empty one, does not start where the session ends, or else SizeInvalid if
	// the body is not as long as the chunk says, and Full.
	Append(ctx context.Context, c Chunk) error

	// Commit adds a last chunk, or none if c is the zero Chunk, and makes the
	// content a blob of the repository if d is its digest; the session is gone
	// then. Fails as Append does, keeping what arrived before a read error, or
	// else with DigestInvalid, after which the session is as it was before the
	// call.
	Commit(ctx context.Context, c Chunk, d digest.Digest) error

	// Cancel discards the session. An Append or Commit that is running fails.
	// Fails with UploadUnknown if the session is gone.
	Cancel(ctx context.Context) error
}

// Chunk is a piece of an upload. The zero Chunk is no chunk: if Body is nil, the other fields
// are ignored.
type Chunk struct {
	Body   io.Reader
	Offset int64 // where the chunk starts; Unknown: where the session ends
	Length int64 // bytes in Body; Unknown: until it ends
}

// Unknown is the Offset or Length of a [Chunk] that is not known.
const Unknown int64 = -1

// Manifest is a stored manifest. Content has the bytes that were put. It must
// not be changed.
type Manifest struct {
	Descriptor ocispec.Descriptor // media type, digest, size, artifact type, annotations
	Content    []byte

	// Pushed is higher the later the manifest came into its repository, or 0 if the Store does not
	// count pushes. [Store.PutManifest] ignores it.
	Pushed uint64
}

// Tag is a tag and the digest of the manifest that it is on.
type Tag struct {
	Name   string
	Digest digest.Digest
}

// PutManifest is a manifest to store, with all that the outcome depends on.
type PutManifest struct {
	Manifest

	// Subject is the digest of the manifest that this one refers to, or empty.
	Subject digest.Digest

	// Require are the references that must exist in the repository, or, if they
	// are Optional, must be right if they do.
	Require []Reference

	// Tags are set on the manifest, and move from other manifests.
	Tags []string

	// ImmutableTags refuses to move a tag that is on another manifest.
	ImmutableTags bool

	// Precondition must hold for the manifest of Ref, the tag or digest in the request.
	Precondition Precondition
	Ref          string
}

// Reference is a descriptor in a manifest, and the kind of content that must exist with its
// digest. If both Blob and Manifest are set, either is sufficient.
type Reference struct {
	ocispec.Descriptor
	Name     string // where the manifest has it, as "layers[0]"
	Blob     bool
	Manifest bool
	Optional bool // it may be missing
}

// Judge judges the reference by the descriptors of the blob and of the manifest
// that the repository has with its digest, nil if it has none. The error is an
// [*Error] with the reference's descriptor as Detail. Its cause is
// ManifestBlobUnknown if the reference is missing and not Optional, and
// ManifestInvalid if the size, or the media type of a manifest, is not that of what
// exists.
func (r Reference) Judge(repo string, blob, manifest *ocispec.Descriptor) error {
	switch {
	case r.Blob && blob != nil:
		return r.agree(repo, "blob", blob.Size, r.MediaType)
	case r.Manifest && manifest != nil:
		return r.agree(repo, "manifest", manifest.Size, manifest.MediaType)
	case r.Optional:
		return nil
	}
	return &Error{Cause: ManifestBlobUnknown, Detail: r.Descriptor, Message: fmt.Sprintf(
		"%s, which the manifest refers to, is unknown to repository %s: push it first", r.named(), repo)}
}

// Precondition has the If-Match and If-None-Match of a request for a manifest (RFC 9110, 13.1).
// The zero value always holds.
type Precondition struct {
	IfMatch     []string // entity tags without quotes, that is digests, or "*"
	IfNoneMatch []string
}

// Holds reports whether the precondition holds for the current digest of the manifest, which is
// empty if there is none.
func (p Precondition) Holds(current digest.Digest) bool {
	if len(p.IfMatch) > 0 && !matches(p.IfMatch, current) {
		return false
	}
	return len(p.IfNoneMatch) == 0 || !matches(p.IfNoneMatch, current)
}

func matches(tags []string, current digest.Digest) bool {
	return current != "" && (slices.Contains(tags, "*") || slices.Contains(tags, string(current)))
}
