package registry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/ocifake/ocifake/op"
)

// Options are what a registry can be asked to do otherwise. The zero value is
// the strict registry that the specification describes, with every optional
// feature on. Each relaxation has a name here; there are no others.
type Options struct {
	// AllowSparse accepts manifests and indexes whose references do not exist. The
	// descriptors of those that do must be right nevertheless.
	AllowSparse bool

	// AllowUnchecked accepts any content as a manifest, whatever it refers to: "{}", a
	// schemaVersion of 0 or 1. A subject, an artifact type and annotations are read from
	// it as far as they are well-formed.
	AllowUnchecked bool

	// AllowAnyType accepts a manifest with any Content-Type, which is what it is served
	// with, or with none: then it has the mediaType in it, or that of the OCI image
	// manifest or index, whichever it looks like. Content with a type that is no known
	// manifest's is not checked. By default, the Content-Type of a manifest is required;
	// without mediaType, the specification only says that clients should send it.
	AllowAnyType bool

	// SharedBlobs shows the blobs of all repositories that the caller may pull from in
	// each of them, as registries that do not link blobs to repositories do.
	SharedBlobs bool

	// ReadOnly refuses whatever changes content: 403 DENIED.
	ReadOnly bool

	// NoDelete refuses to delete blobs, manifests and tags: 405 UNSUPPORTED.
	NoDelete bool

	// ImmutableTags refuses to move a tag to another manifest: 403 DENIED.
	ImmutableTags bool

	// NoReferrers is a registry without the referrers API: its endpoint answers
	// 404 and a manifest's PUT does not answer with OCI-Subject, so that clients
	// fall back to the referrers tag. It shows all that was pushed once it is on.
	NoReferrers bool

	// NoMount answers every mount with an upload session (202).
	NoMount bool

	// NoSinglePost answers a POST with digest and body with an upload session
	// (202), as registries without end-4b do.
	NoSinglePost bool

	// NoCatalog is a registry without Docker's /v2/_catalog: 404.
	NoCatalog bool

	// StrictAccept answers 404 MANIFEST_UNKNOWN if the manifest's media type is
	// not in the request's Accept, as CNCF distribution does for OCI types.
	// Otherwise Accept is ignored.
	StrictAccept bool

	// AbsoluteURLs puts scheme and host into Location and Link.
	AbsoluteURLs bool

	// TrustForwarded takes scheme, host and prefix of those URLs from the
	// Forwarded or X-Forwarded-* headers of a proxy.
	TrustForwarded bool

	// PageSize is the number of entries in an answer of a list at the most; a
	// longer list has a Link. Default 1000.
	PageSize int

	// ChunkMinLength, in bytes, is announced as OCI-Chunk-Min-Length; a chunk that
	// is shorter, other than the last, is refused with 416. Default 0: none.
	ChunkMinLength int64

	// MaxManifest is the size in bytes above which a manifest is refused with
	// 413. Default 4 MiB, the least that the specification asks for.
	MaxManifest int64

	// MaxTags is the number of tag parameters that a manifest's PUT may have; with
	// more it is refused with 414. Default 100.
	MaxTags int

	// Warnings are sent with every answer, each as Warning: 299 - "text".
	Warnings []string

	// Allow, if set, decides what only the registry knows to ask: whether the
	// caller may pull from the source of a mount, from a repository that an
	// anonymous mount or SharedBlobs could take the blob from, or see a repository
	// in the catalog. An error means no. The request itself is not its business.
	Allow func(ctx context.Context, repo string, action Action) error

	// Log gets errors that are answered with 500. Default [slog.Default].
	Log *slog.Logger
}

// Action is what one may be allowed to do in a repository.
type Action string

// The actions, as token scopes name them.
const (
	Pull   Action = "pull"
	Push   Action = "push"
	Delete Action = "delete"
)

const (
	defaultPageSize    = 1000
	defaultMaxManifest = 4 << 20
	defaultMaxTags     = 100
)

func (o *Options) pageSize() int      { return cmp.Or(o.PageSize, defaultPageSize) }
func (o *Options) maxManifest() int64 { return cmp.Or(o.MaxManifest, defaultMaxManifest) }
func (o *Options) maxTags() int       { return cmp.Or(o.MaxTags, defaultMaxTags) }

// Validate returns an error if an option has a value that [New] does not accept.
func (o *Options) Validate() error {
	for _, option := range []struct {
		name  string
		value int64
	}{
		{"PageSize", int64(o.PageSize)},
		{"ChunkMinLength", o.ChunkMinLength},
		{"MaxManifest", o.MaxManifest},
		{"MaxTags", int64(o.MaxTags)},
	} {
		if option.value < 0 {
			return fmt.Errorf("%s is %d: want a positive number, or 0 for the default", option.name, option.value)
		}
	}
	return nil
}

func (o *Options) allow(ctx context.Context, repo string, action Action) bool {
	return o.Allow == nil || o.Allow(ctx, repo, action) == nil
}

func (o *Options) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.Default()
}

// refuses tells why an operation is refused whatever it addresses, or returns nil.
func (o *Options) refuses(operation op.Op) error {
	switch {
	case o.ReadOnly && operation.Write():
		return &Error{Cause: Denied, Message: "the registry is read-only"}
	case o.NoDelete && (operation == op.BlobDelete || operation == op.ManifestDelete || operation == op.TagDelete):
		return &Error{Cause: MethodNotAllowed, Message: "deleting is disabled"}
	case o.NoReferrers && operation == op.ReferrerList:
		return &Error{Cause: NotEnabled, Message: "the referrers API is disabled"}
	case o.NoCatalog && operation == op.RepositoryList:
		return &Error{Cause: NotEnabled, Message: "the catalog is disabled"}
	}
	return nil
}
