package registry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/ocifake/ocifake/op"
)

// Options are the relaxations and limits of a registry. The zero value is the strict registry
// that the specification describes, with every optional feature.
type Options struct {
	// AllowSparse accepts manifests and indexes whose references do not exist. The
	// descriptors of references that exist must still be right.
	AllowSparse bool

	// AllowUnchecked accepts any content as a manifest, such as "{}" or a schemaVersion of 0
	// or 1, and any references. The subject, the artifact type and the annotations are used
	// if they are well-formed.
	AllowUnchecked bool

	// AllowAnyType accepts a manifest with any Content-Type, and serves it with that type.
	// Without a Content-Type, the type is the mediaType of the manifest, or that of an OCI
	// image manifest or index, depending on its fields. Content with an unknown type is not
	// checked. By default, a known Content-Type is required; the specification says only that
	// clients should send it if the manifest has no mediaType.
	AllowAnyType bool

	// SharedBlobs serves the blobs of all repositories from which the caller may pull in each
	// of them, as registries do that do not link blobs to repositories.
	SharedBlobs bool

	// ReadOnly refuses all changes of content: 403 DENIED.
	ReadOnly bool

	// NoDelete refuses to delete blobs, manifests and tags: 405 UNSUPPORTED.
	NoDelete bool

	// ImmutableTags refuses to move a tag to another manifest: 403 DENIED.
	ImmutableTags bool

	// NoReferrers disables the referrers API: its endpoint answers 404, and the answer to a
	// manifest's PUT has no OCI-Subject, so that clients fall back to the referrers tag. If
	// it is enabled later, it lists all manifests that were pushed meanwhile.
	NoReferrers bool

	// NoMount answers every mount with an upload session (202).
	NoMount bool

	// NoSinglePost answers a POST with a digest and a body with an upload session (202), as
	// registries do that do not implement end-4b.
	NoSinglePost bool

	// NoCatalog disables Docker's /v2/_catalog: 404.
	NoCatalog bool

	// StrictAccept answers 404 MANIFEST_UNKNOWN if Accept does not include the media type of
	// the manifest, as CNCF distribution does for OCI types. By default, Accept is ignored.
	StrictAccept bool

	// AbsoluteURLs adds the scheme and the host to Location and Link.
	AbsoluteURLs bool

	// TrustForwarded takes the scheme, host and prefix of these URLs from the Forwarded or
	// X-Forwarded-* header fields of a proxy.
	TrustForwarded bool

	// PageSize is the maximum number of entries in a page of a list. A longer list has a Link
	// to the next page. Default 1000.
	PageSize int

	// ChunkMinLength is the minimum size of a chunk in bytes, except for the last chunk. It is
	// announced as OCI-Chunk-Min-Length; shorter chunks are refused with 416. Default: no
	// minimum.
	ChunkMinLength int64

	// MaxManifest is the maximum size of a manifest in bytes; larger ones are refused with
	// 413. Default 4 MiB, the minimum that the specification requires.
	MaxManifest int64

	// MaxTags is the maximum number of tag parameters in a manifest's PUT; more are refused
	// with 414. Default 100.
	MaxTags int

	// Warnings are texts that are sent with every answer, each as Warning: 299 - "text".
	Warnings []string

	// Dialect, if set, changes the answers of the registry, and what it does, to those of a real
	// one. It must not be changed afterwards.
	Dialect *Dialect

	// Allow, if set, authorizes what depends on the content of the registry: a pull from the
	// source of a mount, or from a repository with the blob of an anonymous mount or of
	// SharedBlobs, and a repository in the catalog. An error refuses it. Allow is not called
	// for the request itself.
	Allow func(ctx context.Context, repo string, action Action) error

	// Log receives the errors that are answered with 500. Default [slog.Default].
	Log *slog.Logger
}

// Action is an action in a repository that needs permission.
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
	return o.Dialect.validate()
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

// settings are options in use.
type settings struct {
	Options
	dialect Dialect // the zero value if there is none
	speech  *spoken // nil: strict
}

// refuses returns the reason why the options refuse an operation on anything, or nil.
func (o *settings) refuses(operation op.Op) error {
	switch {
	case o.speech != nil && o.speech.missing[operation]:
		return &Error{Cause: MethodNotAllowed, Message: fmt.Sprintf("the registry does not have the operation %s", operation)}
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
