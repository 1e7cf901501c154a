package profiles

import (
	"slices"
	"strconv"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

func ops(list ...op.Op) []op.Op { return list }

// table has all traits. A row names the option of the registry that a value sets, or the answers
// that it is about.
var table = []trait{
	// Answers.
	{name: "answer.header", about: "which header fields all answers have or lack", kind: Text, strict: "those of the specification"},
	{name: "answer.version", about: "which answers have Docker-Distribution-Api-Version", kind: Choice, values: []string{"all", "ping", "none"}, strict: "all",
		set: setVersion},
	{name: "answer.allow", about: "whether the answer to a method that is not allowed has Allow", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		set: setAllow},
	{name: "answer.etag", about: "whether blobs and manifests have an entity tag, by which GET and HEAD are conditional", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		when: "no", flag: func(d *registry.Dialect) *bool { return &d.NoEntityTag }},
	{name: "answer.type", about: "the Content-Type of errors", section: "Error Codes", kind: Text, strict: "application/json", errors: true,
		set: func(s *Settings, v Value) error {
			s.addAnswer(registry.Answer{Errors: true, Header: map[string][]string{"Content-Type": {string(v)}}})
			return nil
		}},
	{name: "answer.shape", about: "the form of the body of an error", section: "Error Codes", kind: Choice, values: []string{"list", "no-detail", "bare", "text", "empty"}, strict: "list", errors: true,
		set: setShape},
	{name: "answer.detail", about: "the detail of errors", section: "Error Codes", kind: Text, strict: "an object", errors: true,
		set: setErrorDetail},
	{name: "ping.body", about: "the body of the answer to /v2/", section: "Determining Support", kind: Text, strict: "{}",
		set: func(s *Settings, v Value) error {
			body := string(v)
			if v == "none" {
				body = ""
			}
			s.addAnswer(registry.Answer{Ops: ops(op.Ping), Body: &body})
			if body == "" {
				s.remove(registry.Answer{Ops: ops(op.Ping)}, "Content-Type")
			}
			return nil
		}},
	{name: "catalog.list", about: "the list of repositories", section: "", kind: Outcome, strict: "200", ops: []op.Op{op.RepositoryList},
		refuse: func(s *Settings) { s.Registry.NoCatalog = true }, refused: []string{"not-enabled"}},

	{name: "repository.blobs-only", about: "whether a repository that has blobs, but never had a manifest, is known to manifests, tags and referrers", section: "", kind: Choice, values: []string{"known", "unknown"}, strict: "known",
		when: "unknown", flag: func(d *registry.Dialect) *bool { return &d.HideBlobs }},
	{name: "repository.bad-name", about: "a repository with an invalid name", section: "Pulling manifests", kind: Outcome, strict: "400 NAME_INVALID", causes: []string{"name-invalid", "name-unusable"},
		accept: func(s *Settings) { s.Registry.Dialect.AnyName = true }},

	// Blobs.
	{name: "blob.missing", about: "a blob that the repository does not have", section: "Pulling blobs", kind: Outcome, strict: "404 BLOB_UNKNOWN", ops: []op.Op{op.BlobGet, op.BlobHead}, causes: []string{"blob-unknown"}},
	{name: "blob.missing-repository", about: "a blob of a repository that does not exist", section: "Pulling blobs", kind: Outcome, strict: "404 NAME_UNKNOWN", ops: []op.Op{op.BlobGet, op.BlobHead}, causes: []string{"name-unknown"}},
	{name: "blob.bad-digest", about: "a blob with a malformed digest", section: "Pulling blobs", kind: Outcome, strict: "404 BLOB_UNKNOWN", ops: []op.Op{op.BlobGet, op.BlobHead}, causes: []string{"digest-unusable"}},
	{name: "blob.get", about: "a GET of a blob", section: "Pulling blobs", kind: Outcome, strict: "200", ops: []op.Op{op.BlobGet}},
	{name: "blob.head", about: "a HEAD of a blob", section: "Checking if content exists in the registry", kind: Outcome, strict: "200", ops: []op.Op{op.BlobHead}},
	{name: "blob.head-length", about: "the Content-Length of a HEAD of a blob", section: "Checking if content exists in the registry", kind: Choice, values: []string{"size", "zero", "none"}, strict: "size",
		set: setHeadLength},
	{name: "blob.type", about: "the Content-Type of a blob: always application/octet-stream, the media type in a manifest of the repository, what the content looks like, or the second and else the third", section: "Pulling blobs", kind: Choice, values: []string{"octet-stream", "described", "sniffed", "described-or-sniffed"}, strict: "octet-stream",
		set: setBlobType},
	{name: "blob.redirect", about: "whether a GET of a blob is redirected to a second origin", section: "Pulling blobs", kind: Choice, values: redirects, strict: "no",
		set: setRedirect("blob.redirect", op.BlobGet)},
	{name: "blob.redirect-head", about: "whether a HEAD of a blob is redirected to a second origin", section: "Checking if content exists in the registry", kind: Choice, values: redirects, strict: "no",
		set: setRedirect("blob.redirect-head", op.BlobHead)},
	{name: "blob.redirect-header", about: "which header fields answers of the second origin have beside those of a file", section: "", kind: Text, strict: "none"},
	{name: "blob.scope", about: "which blobs a repository has: those pushed or mounted into it, those of the registry, or those of the registry of which a HEAD has asked for", section: "Pulling blobs", kind: Choice, values: []string{"repository", "registry", "head"}, strict: "repository",
		set: func(s *Settings, v Value) error {
			s.Registry.SharedBlobs, s.Registry.Dialect.MountOnHead = v == "registry", v == "head"
			return nil
		}},
	{name: "blob.accept-ranges", about: "which answers about a blob have Accept-Ranges", section: "Pulling blobs", kind: Choice, values: []string{"all", "head", "none"}, strict: "all",
		set: setAcceptRanges},
	{name: "blob.range", about: "whether a GET of a part of a blob is answered with that part", section: "Pulling blobs", kind: Choice, values: []string{"part", "ignored"}, strict: "part",
		when: "ignored", flag: func(d *registry.Dialect) *bool { return &d.IgnoreRange }},
	{name: "blob.range-forms", about: "which forms of Range are served: all, or only first-last with both in the blob, while others are refused", section: "Pulling blobs", kind: Choice, values: []string{"all", "closed"}, strict: "all", fails: []string{"closed"},
		when: "closed", flag: func(d *registry.Dialect) *bool { return &d.ClosedRange }},
	{name: "blob.serve-content", about: "whether GET and HEAD of a blob do what http.ServeContent of Go does: HEAD is answered with a part, several ranges with multipart/byteranges, and a malformed Range is refused", section: "Pulling blobs", kind: Choice, values: []string{"no", "yes"}, strict: "no",
		when: "yes", flag: func(d *registry.Dialect) *bool { return &d.ServeBlobs }},
	{name: "blob.range-outside", about: "a range outside of a blob", section: "Pulling blobs", kind: Outcome, strict: "416 UNSUPPORTED", ops: []op.Op{op.BlobGet}, causes: []string{"range-invalid"}},
	{name: "blob.delete", about: "deleting a blob", section: "Deleting Blobs", kind: Outcome, strict: "202", ops: []op.Op{op.BlobDelete}},
	{name: "blob.delete-bad-digest", about: "deleting a malformed digest", section: "Deleting Blobs", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.BlobDelete}, causes: []string{"digest-malformed"}},
	{name: "blob.delete-missing", about: "deleting a blob that does not exist", section: "Deleting Blobs", kind: Outcome, strict: "404 BLOB_UNKNOWN", ops: []op.Op{op.BlobDelete}, causes: []string{"blob-unknown"}},
	{name: "blob.delete-referenced", about: "deleting a blob to which a manifest refers", section: "Deleting Blobs", kind: Outcome, strict: "202", ops: []op.Op{op.BlobDelete, op.ManifestDelete},
		refuse: func(s *Settings) { s.Registry.Dialect.DeleteReferenced = true }, refused: []string{"referenced"}},
	{name: "digest.sha512", about: "what becomes of digests with sha512: they are kept, no content has them, or blobs have them while answers name the sha256 digest", section: "Digests", kind: Choice, values: []string{"kept", "wrong", "canonical"}, strict: "kept", fails: []string{"wrong", "canonical"},
		set: setSHA512},
	{name: "blob.mount", about: "which mounts succeed", section: "Mounting a blob from another repository", kind: Choice, values: []string{"readable", "named", "referenced", "any", "never"}, strict: "readable",
		set: setMount},
	{name: "blob.mount-missing", about: "a mount of a blob that the named source does not have", section: "Mounting a blob from another repository", kind: Outcome, strict: "202", fails: none, ops: []op.Op{op.BlobMount},
		refuse: func(s *Settings) { s.Registry.Dialect.RefuseMount = true }, refused: []string{"mount-missing"}},
	{name: "blob.location", about: "the form of the Location of a blob", section: "Pushing blobs", kind: Choice, values: []string{"path", "absolute", "none"}, strict: "path",
		set: setLocation(func(d *registry.Dialect) *bool { return &d.AbsoluteBlob }, op.UploadCommit, op.BlobPost, op.BlobMount)},

	// Uploads.
	{name: "upload.start", about: "the POST that begins an upload", section: "Pushing blobs", kind: Outcome, strict: "202", ops: []op.Op{op.UploadStart}},
	{name: "upload.creates", about: "whether the POST that begins an upload creates the repository", section: "", kind: Choice, values: []string{"no", "yes"}, strict: "no",
		when: "yes", flag: func(d *registry.Dialect) *bool { return &d.UploadCreates }},
	{name: "upload.location", about: "the form of the Location of an upload", section: "Pushing blobs", kind: Choice, values: []string{"path", "absolute"}, strict: "path",
		when: "absolute", flag: func(d *registry.Dialect) *bool { return &d.AbsoluteUpload }},
	{name: "upload.path", about: "the path of an upload session, up to its id", section: "Pushing blobs", kind: Choice, values: []string{"blobs/uploads", "blobs/upload"}, strict: "blobs/uploads",
		when: "blobs/upload", flag: func(d *registry.Dialect) *bool { return &d.SingularUpload }},
	{name: "upload.state", about: "whether the Location of an upload changes with each answer", section: "Pushing blobs", kind: Choice, values: []string{"changes", "fixed"}, strict: "changes",
		when: "fixed", flag: func(d *registry.Dialect) *bool { return &d.FixedLocation }},
	{name: "upload.state-parameter", about: "the parameter that is the state in the Location of an upload", section: "Pushing blobs", kind: Text, strict: "_state",
		set: func(s *Settings, v Value) error { s.Registry.Dialect.StateParameter = string(v); return nil }},
	{name: "upload.query", about: "parameters in the Location of an upload, beside its state", section: "Pushing blobs", kind: Text, strict: "none",
		set: unlessNone(func(s *Settings, v Value) { s.Registry.Dialect.UploadQuery = string(v) })},
	{name: "upload.uuid", about: "whether answers about an upload have Docker-Upload-UUID", section: "Pushing blobs", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		set: setUUID},
	{name: "upload.range-initial", about: "the Range of the answer that begins an upload", section: "Pushing a blob in chunks", kind: Text, strict: "0-0", ops: []op.Op{op.UploadStart},
		set: func(s *Settings, v Value) error {
			if v == "none" {
				s.remove(registry.Answer{Ops: op.UploadBegin()}, "Range")
				return nil
			}
			s.addAnswer(registry.Answer{Ops: ops(op.UploadStart), Header: map[string][]string{"Range": {string(v)}}})
			return nil
		}},
	{name: "upload.range-empty", about: "the Range of a session without content, beside that of the answer that begins it", section: "Pushing a blob in chunks", kind: Choice, values: []string{"0-0", "0--1"}, strict: "0-0",
		when: "0--1", flag: func(d *registry.Dialect) *bool { return &d.NegativeRange }},
	{name: "upload.unknown", about: "a session that does not exist", section: "Pushing a blob in chunks", kind: Outcome, strict: "404 BLOB_UPLOAD_UNKNOWN", ops: []op.Op{op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel}, causes: []string{"upload-unknown"},
		accept: func(s *Settings) { s.Registry.Dialect.AnySession = true }},
	{name: "upload.bad-location", about: "an upload location that was not handed out", section: "Pushing blobs", kind: Outcome, strict: "404 BLOB_UPLOAD_UNKNOWN", ops: []op.Op{op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel}, causes: []string{"upload-unusable"}},
	{name: "upload.last-location", about: "which requests must use the Location of the last answer: none, those with content (chunks), also DELETE (writes), or all", section: "Pushing a blob in chunks", kind: Choice, values: []string{"none", "chunks", "writes", "all"}, strict: "none",
		set: setStale},
	{name: "upload.stale-location", about: "a request that does not use the Location of the last answer, but must", section: "Pushing a blob in chunks", kind: Outcome, strict: "416 BLOB_UPLOAD_INVALID", causes: []string{"upload-stale"}},
	{name: "upload.stale-cancels", about: "whether the refusal of an earlier location cancels the session", section: "Pushing a blob in chunks", kind: Choice, values: []string{"no", "yes"}, strict: "no",
		when: "yes", flag: func(d *registry.Dialect) *bool { return &d.StaleCancels }},
	{name: "upload.chunk", about: "a chunk in order", section: "Pushing a blob in chunks", kind: Outcome, strict: "202", ops: []op.Op{op.UploadChunk}},
	{name: "upload.out-of-order", about: "a chunk that does not begin where the session ends", section: "Pushing a blob in chunks", kind: Outcome, strict: "416 BLOB_UPLOAD_INVALID", ops: []op.Op{op.UploadChunk, op.UploadCommit}, causes: []string{"upload-range", "upload-repeated"},
		accept: func(s *Settings) { s.Registry.Dialect.IgnoreContentRange = true }},
	{name: "upload.repeated-chunk", about: "a chunk that begins before the session ends", section: "Pushing a blob in chunks", kind: Outcome, strict: "as out of order", ops: []op.Op{op.UploadChunk, op.UploadCommit}, causes: []string{"upload-repeated"}},
	{name: "upload.stream-range", about: "whether the Range after a chunk without Content-Range ends with its last byte, or with the number of bytes", section: "Pushing a blob in chunks", kind: Choice, values: []string{"last-byte", "length"}, strict: "last-byte",
		when: "length", flag: func(d *registry.Dialect) *bool { return &d.StreamLength }},
	{name: "upload.stream", about: "whether a chunk without Content-Range after the first is appended", section: "Pushing a blob in chunks", kind: Choice, values: []string{"appended", "refused"}, strict: "appended", fails: []string{"refused"},
		when: "refused", flag: func(d *registry.Dialect) *bool { return &d.OneStream }},
	{name: "upload.chunk-min", about: "the smallest chunk but the last, in bytes, which is announced", section: "Pushing a blob in chunks", kind: Number, strict: "none",
		set: number(func(s *Settings, n int64) { s.Registry.ChunkMinLength = n })},
	{name: "upload.chunk-max", about: "the largest chunk, in bytes", section: "", kind: Text, strict: "none", fails: []string{"*"}},
	{name: "upload.chunks", about: "whether a blob can be pushed in several chunks", section: "Pushing a blob in chunks", kind: Choice, values: []string{"yes", "first-only", "no"}, strict: "yes", fails: []string{"*"}},
	{name: "upload.content-type", about: "whether the Content-Type of uploaded content is checked", section: "Pushing blobs", kind: Choice, values: []string{"checked", "any"}, strict: "checked",
		when: "any", flag: func(d *registry.Dialect) *bool { return &d.AnyUploadType }},
	{name: "upload.stray-body", about: "whether the body of a POST that has no use for one is ignored", section: "Pushing blobs", kind: Choice, values: []string{"refused", "ignored"}, strict: "refused",
		when: "ignored", flag: func(d *registry.Dialect) *bool { return &d.IgnoreStray }},
	{name: "upload.wrong-digest", about: "content that does not have the digest", section: "Pushing blobs", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.UploadCommit, op.BlobPost}, causes: []string{"digest-invalid"}},
	{name: "upload.wrong-digest-session", about: "what becomes of a session if the closing PUT has a wrong digest: it is unchanged, it has ended, or it has the content of the PUT", section: "Pushing blobs", kind: Choice, values: []string{"unchanged", "ended", "advanced"}, strict: "unchanged",
		set: func(s *Settings, v Value) error {
			if v != "unchanged" {
				s.Registry.Dialect.FailedCommit = string(v)
			}
			return nil
		}},
	{name: "upload.bad-digest", about: "a closing PUT or a POST with a malformed digest", section: "Pushing blobs", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.UploadCommit, op.BlobPost}, causes: []string{"digest-malformed"}},
	{name: "upload.no-digest", about: "a closing PUT without a digest", section: "Pushing blobs", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.UploadCommit}, causes: []string{"digest-missing"}},
	{name: "upload.commit", about: "the closing PUT", section: "Pushing blobs", kind: Outcome, strict: "201", ops: []op.Op{op.UploadCommit}},
	{name: "upload.commit-state", about: "whether the answer that creates a blob has the Location, the Range and the ID of its session in place of the Location of the blob", section: "Pushing blobs", kind: Choice, values: []string{"no", "yes"}, strict: "no",
		when: "yes", flag: func(d *registry.Dialect) *bool { return &d.CommitState }},
	{name: "upload.single-post", about: "a blob in one POST", section: "Pushing a blob monolithically", kind: Outcome, strict: "201", ops: []op.Op{op.BlobPost},
		set: func(s *Settings, v Value) error { s.Registry.NoSinglePost = v == "202"; return nil }},
	{name: "upload.status", about: "the status of a session", section: "Pushing a blob in chunks", kind: Outcome, strict: "204", ops: []op.Op{op.UploadStatus}},
	{name: "upload.cancel", about: "cancelling a session", section: "Canceling a blob upload", kind: Outcome, strict: "204", fails: none, ops: []op.Op{op.UploadCancel}},

	// Manifests.
	{name: "manifest.get", about: "a GET or HEAD of a manifest", section: "Pulling manifests", kind: Outcome, strict: "200", ops: []op.Op{op.ManifestGet, op.ManifestHead}},
	{name: "manifest.missing", about: "a manifest that the repository does not have", section: "Pulling manifests", kind: Outcome, strict: "404 MANIFEST_UNKNOWN", ops: []op.Op{op.ManifestGet, op.ManifestHead}, causes: []string{"manifest-unknown"}},
	{name: "manifest.missing-repository", about: "a manifest of a repository that does not exist", section: "Pulling manifests", kind: Outcome, strict: "404 NAME_UNKNOWN", ops: []op.Op{op.ManifestGet, op.ManifestHead}, causes: []string{"name-unknown"}},
	{name: "manifest.bad-reference", about: "whether a reference that is neither a tag nor a digest is refused, or is an unknown page, always or unless it has the form of a digest", section: "Pulling manifests", kind: Choice, values: []string{"refused", "unrouted", "unrouted-tags"}, strict: "refused",
		set: setUnrouted},
	{name: "manifest.get-digest", about: "which GETs of a manifest have Docker-Content-Digest", section: "Pulling manifests", kind: Choice, values: []string{"all", "by-digest", "none"}, strict: "all",
		set: setGetDigest},
	{name: "manifest.serve-content", about: "whether GET and HEAD of a manifest do what http.ServeContent of Go does, with Range and conditions", section: "Pulling manifests", kind: Choice, values: []string{"no", "yes"}, strict: "no",
		when: "yes", flag: func(d *registry.Dialect) *bool { return &d.ServeManifests }},
	{name: "manifest.conditions", about: "which conditions GET and HEAD of a manifest have: If-Match and If-None-Match, or only an If-None-Match that is the entity tag alone, with a 304 that does not have it", section: "Pulling manifests", kind: Choice, values: []string{"all", "plain"}, strict: "all",
		when: "plain", flag: func(d *registry.Dialect) *bool { return &d.PlainCondition }},
	{name: "manifest.accept", about: "whether a manifest is refused whose type Accept does not have; needed: an OCI manifest, also without Accept and with a range of types", section: "Pulling manifests", kind: Choice, values: []string{"ignored", "refused", "needed"}, strict: "ignored",
		set: func(s *Settings, v Value) error {
			s.Registry.StrictAccept, s.Registry.Dialect.NeedAccept = v != "ignored", v == "needed"
			return nil
		}},
	{name: "manifest.not-acceptable", about: "a manifest whose type Accept does not have, if that is refused", section: "Pulling manifests", kind: Outcome, strict: "404 MANIFEST_UNKNOWN", ops: []op.Op{op.ManifestGet, op.ManifestHead}, causes: []string{"not-acceptable"}},
	{name: "manifest.put", about: "pushing a manifest", section: "Pushing Manifests", kind: Outcome, strict: "201", ops: []op.Op{op.ManifestPut}},
	{name: "manifest.put-invalid", about: "pushing content that is no manifest", section: "Pushing Manifests", kind: Outcome, strict: "400 MANIFEST_INVALID", ops: []op.Op{op.ManifestPut}, causes: []string{"manifest-invalid"},
		accept: func(s *Settings) { s.Registry.AllowUnchecked = true }},
	{name: "manifest.put-type", about: "pushing a manifest with a type that is not known", section: "Pushing Manifests", kind: Outcome, strict: "400 MANIFEST_INVALID", ops: []op.Op{op.ManifestPut}, causes: []string{"type-unknown"},
		accept: func(s *Settings) { s.Registry.AllowAnyType = true }},
	{name: "manifest.put-missing-blob", about: "pushing a manifest whose blobs are missing", section: "Pushing Manifests", kind: Outcome, strict: "400 MANIFEST_BLOB_UNKNOWN", ops: []op.Op{op.ManifestPut}, causes: []string{"manifest-blob-unknown"},
		accept: func(s *Settings) { s.Registry.AllowSparse = true }},
	{name: "manifest.put-wrong-digest", about: "pushing a manifest by a digest that it does not have", section: "Pushing Manifests", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.ManifestPut}, causes: []string{"digest-invalid"},
		accept: func(s *Settings) { s.Registry.Dialect.AnyDigest = true }},
	{name: "manifest.put-bad-digest", about: "pushing a manifest by a digest that is malformed", section: "Pushing Manifests", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.ManifestPut}, causes: []string{"digest-malformed"},
		accept: func(s *Settings) { s.Registry.Dialect.AnyReference = true }},
	{name: "manifest.put-order", about: "whether the content of a manifest or the digest in the URL is judged first", section: "Pushing Manifests", kind: Choice, values: []string{"digest", "content"}, strict: "digest",
		when: "content", flag: func(d *registry.Dialect) *bool { return &d.ContentFirst }},
	{name: "manifest.put-layerless", about: "pushing an image manifest without layers", section: "Pushing Manifests", kind: Outcome, strict: "201", ops: []op.Op{op.ManifestPut},
		refuse: func(s *Settings) { s.Registry.Dialect.RefuseLayerless = true }, refused: []string{"layers-missing"}},
	{name: "manifest.put-body", about: "the body of the answer to the PUT of a manifest", section: "Pushing Manifests", kind: Choice, values: []string{"none", "manifest"}, strict: "none",
		when: "manifest", flag: func(d *registry.Dialect) *bool { return &d.EchoManifest }},
	{name: "manifest.put-bad-tag", about: "pushing a manifest by a reference that is neither a tag nor has the form of a digest", section: "Pushing Manifests", kind: Outcome, strict: "400 MANIFEST_INVALID", ops: []op.Op{op.ManifestPut}, causes: []string{"tag-invalid"}},
	{name: "manifest.max-size", about: "the largest manifest, in bytes", section: "Pushing Manifests", kind: Number, strict: "4194304",
		set: number(func(s *Settings, n int64) { s.Registry.MaxManifest = n })},
	{name: "manifest.too-large", about: "pushing a manifest that is too large", section: "Pushing Manifests", kind: Outcome, strict: "413 SIZE_INVALID", ops: []op.Op{op.ManifestPut}, causes: []string{"too-large"}},
	{name: "manifest.descriptors", about: "whether sizes and types of descriptors are compared with the content", section: "Pushing Manifests", kind: Choice, values: []string{"compared", "any"}, strict: "compared",
		when: "any", flag: func(d *registry.Dialect) *bool { return &d.AnyDescriptor }},
	{name: "manifest.location", about: "the form of the Location of a manifest", section: "Pushing Manifests", kind: Choice, values: []string{"path", "absolute", "none"}, strict: "path",
		set: setLocation(func(d *registry.Dialect) *bool { return &d.AbsoluteManifest }, op.ManifestPut)},
	{name: "manifest.location-reference", about: "the reference in the Location of a manifest", section: "Pushing Manifests", kind: Choice, values: []string{"digest", "as-pushed"}, strict: "digest",
		set: func(s *Settings, v Value) error {
			if v == "as-pushed" {
				s.Registry.Dialect.ManifestReference = registry.AsPushed
			}
			return nil
		}},
	{name: "manifest.oci-tag", about: "which tags of a pushed manifest are in OCI-Tag: those of tag parameters, all, or none", section: "Pushing Manifests", kind: Choice, values: []string{"parameters", "all", "none"}, strict: "parameters",
		set: setOCITag},
	{name: "manifest.preconditions", about: "whether PUT and DELETE of a manifest are conditional", section: "", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		when: "no", flag: func(d *registry.Dialect) *bool { return &d.IgnorePrecondition }},
	{name: "manifest.immutable", about: "whether tags that exist can be pushed again", section: "", kind: Choice, values: []string{"no", "yes", "also-same"}, strict: "no",
		set: setImmutable},
	{name: "manifest.immutable-answer", about: "pushing to a tag that cannot be pushed again", section: "", kind: Outcome, strict: "403 DENIED", ops: []op.Op{op.ManifestPut}, causes: []string{"tag-immutable"}},
	{name: "manifest.delete-digest", about: "deleting a manifest by digest", section: "Deleting Manifests", kind: Outcome, strict: "202", ops: []op.Op{op.ManifestDelete}},
	{name: "manifest.delete-digest-tags", about: "what becomes of the tags of a manifest that is deleted by digest: they are deleted, serve the manifest as before, or are listed without one", section: "Deleting Manifests", kind: Choice, values: []string{"deleted", "serve", "dangle"}, strict: "deleted",
		set: func(s *Settings, v Value) error {
			if v != "deleted" {
				s.Registry.Dialect.TagsOfDeleted = string(v)
			}
			return nil
		}},
	{name: "manifest.delete-tag", about: "deleting a tag", section: "Deleting tags", kind: Outcome, strict: "202", ops: []op.Op{op.TagDelete}},
	{name: "manifest.delete-tag-keeps", about: "whether the manifest stays when its tag is deleted", section: "Deleting tags", kind: Choice, values: []string{"manifest", "nothing"}, strict: "manifest",
		when: "nothing", flag: func(d *registry.Dialect) *bool { return &d.DeleteWithTag }},
	{name: "manifest.delete-missing", about: "deleting a manifest or a tag that does not exist", section: "Deleting Manifests", kind: Outcome, strict: "404 MANIFEST_UNKNOWN", ops: []op.Op{op.ManifestDelete, op.TagDelete}, causes: []string{"manifest-unknown"}},
	{name: "manifest.delete-bad-reference", about: "deleting a reference that is neither a tag nor a digest", section: "Deleting Manifests", kind: Outcome, strict: "400 MANIFEST_INVALID", ops: []op.Op{op.ManifestDelete, op.TagDelete}, causes: []string{"tag-invalid", "digest-malformed"}},
	{name: "manifest.untagged", about: "what becomes of a manifest whose last tag is set on another one: it stays, or is deleted", section: "", kind: Choice, values: []string{"stays", "deleted"}, strict: "stays",
		when: "deleted", flag: func(d *registry.Dialect) *bool { return &d.DropUntagged }},
	{name: "manifest.docker", about: "whether manifests of Docker's types can be pushed", section: "", kind: Choice, values: []string{"yes", "no"}, strict: "yes", fails: []string{"no"},
		when: "no", flag: func(d *registry.Dialect) *bool { return &d.RefuseDocker }},
	{name: "manifest.dash-alias", about: "whether the tag sha256-<hex> is the manifest with that digest", section: "", kind: Choice, values: []string{"no", "yes"}, strict: "no", fails: []string{"yes"},
		when: "yes", flag: func(d *registry.Dialect) *bool { return &d.DashAlias }},
	{name: "manifest.subject", about: "pushing a manifest with a subject", section: "Pushing Manifests with Subject", kind: Outcome, strict: "201", ops: []op.Op{op.ManifestPut},
		refuse: func(s *Settings) { s.Registry.Dialect.RefuseSubject = true }, refused: []string{"subject-refused"}},
	{name: "manifest.oci-subject", about: "whether the answer to a manifest with a subject has OCI-Subject", section: "Pushing Manifests with Subject", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		set: setOCISubject},

	// Lists.
	{name: "tags.missing-repository", about: "the tags of a repository that does not exist", section: "Listing Tags", kind: Outcome, strict: "404 NAME_UNKNOWN", ops: []op.Op{op.TagList}, causes: []string{"name-unknown"},
		accept: func(s *Settings) { s.Registry.Dialect.TagsOfUnknown = true }},
	{name: "tags.emptied", about: "the tags of a repository whose manifests were deleted", section: "Listing Tags", kind: Choice, values: []string{"empty", "unknown"}, strict: "empty",
		when: "unknown", flag: func(d *registry.Dialect) *bool { return &d.HideEmpty }},
	{name: "tags.empty", about: "the form of an empty list of tags; unknown: it is refused as that of a repository that does not exist", section: "Listing Tags", kind: Choice, values: []string{"list", "null", "unknown"}, strict: "list",
		set: func(s *Settings, v Value) error {
			s.Registry.Dialect.NullTags, s.Registry.Dialect.HideUntagged = v == "null", v == "unknown"
			return nil
		}},
	{name: "tags.order", about: "the order of tags", section: "Listing Tags", kind: Choice, values: []string{"bytewise", "none"}, strict: "bytewise",
		set: func(s *Settings, v Value) error {
			if v == "none" {
				s.Registry.Dialect.Order = registry.OrderNone
			}
			return nil
		}},
	{name: "tags.pages", about: "whether n and last are used", section: "Listing Tags", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		when: "no", flag: func(d *registry.Dialect) *bool { return &d.Unpaged }},
	{name: "tags.page-max", about: "the largest page, which is also the default", section: "Listing Tags", kind: Number, strict: "1000",
		set: number(func(s *Settings, n int64) { s.Registry.PageSize = int(n) })},
	{name: "tags.over-max", about: "an n above the largest page", section: "Listing Tags", kind: Outcome, strict: "200", ops: []op.Op{op.TagList},
		refuse: func(s *Settings) { s.Registry.Dialect.RefuseLarge = true }, refused: []string{"page-too-large"}},
	{name: "tags.bad-n", about: "an n that is no number of entries", section: "Listing Tags", kind: Outcome, strict: "400 UNSUPPORTED", ops: []op.Op{op.TagList}, causes: []string{"page-invalid"},
		accept: func(s *Settings) { s.Registry.Dialect.IgnoreBadN = true }},
	{name: "tags.zero-n", about: "what a list with an n of 0 has", section: "Listing Tags", kind: Choice, values: []string{"nothing", "all"}, strict: "nothing",
		when: "all", flag: func(d *registry.Dialect) *bool { return &d.ZeroIsAll }},
	{name: "tags.unknown-last", about: "a last that is not in the list", section: "Listing Tags", kind: Choice, values: []string{"after", "empty", "refused"}, strict: "after",
		set: setUnknownLast},
	{name: "tags.unknown-last-answer", about: "a last that is refused", section: "Listing Tags", kind: Outcome, strict: "404 UNSUPPORTED", ops: []op.Op{op.TagList}, causes: []string{"last-unknown"}},
	{name: "tags.cursor", about: "what last is in a Link", section: "Listing Tags", kind: Choice, values: []string{"tag", "opaque"}, strict: "tag",
		when: "opaque", flag: func(d *registry.Dialect) *bool { return &d.OpaqueCursor }},
	{name: "tags.lag", about: "whether a list lacks tags that were pushed a short time before", section: "Listing Tags", kind: Text, strict: "no", fails: []string{"*"}},
	{name: "tags.link", about: "the form of Link", section: "Listing Tags", kind: Choice, values: []string{"path", "absolute", "bare", "none"}, strict: "path", fails: []string{"none"},
		set: setLink},
	{name: "tags.link-when", about: "which pages have a Link: those after which there is more, also those that have as many entries as n (full), or all", section: "Listing Tags", kind: Choice, values: []string{"more", "full", "always"}, strict: "more",
		set: func(s *Settings, v Value) error {
			if v != "more" {
				s.Registry.Dialect.LinkWhen = string(v)
			}
			return nil
		}},
	{name: "tags.link-query", about: "parameters in Link beside n and last", section: "Listing Tags", kind: Text, strict: "none",
		set: unlessNone(func(s *Settings, v Value) { s.Registry.Dialect.LinkQuery = string(v) })},
	{name: "tags.type", about: "the Content-Type of a list of tags", section: "Listing Tags", kind: Text, strict: "application/json",
		set: func(s *Settings, v Value) error {
			s.addAnswer(registry.Answer{Ops: ops(op.TagList, op.RepositoryList), Header: map[string][]string{"Content-Type": {string(v)}}})
			return nil
		}},
	{name: "tags.name-from", about: "how many components of the repository's name the name in a list of tags omits", section: "Listing Tags", kind: Number, strict: "none",
		set: number(func(s *Settings, n int64) { s.Registry.Dialect.NameFrom = int(n) })},
	{name: "tags.fields", about: "fields of a list of tags beside name and tags", section: "Listing Tags", kind: Text, strict: "none"},

	// Referrers.
	{name: "referrers.list", about: "the list of referrers", section: "Listing Referrers", kind: Outcome, strict: "200", fails: none, ops: []op.Op{op.ReferrerList},
		refuse: func(s *Settings) { s.Registry.NoReferrers = true }, refused: []string{"not-enabled"}},
	{name: "referrers.empty", about: "the form of an empty list of referrers", section: "Listing Referrers", kind: Choice, values: []string{"list", "null"}, strict: "list",
		when: "null", flag: func(d *registry.Dialect) *bool { return &d.NullReferrers }},
	{name: "referrers.pages", about: "whether n and last are used", section: "Listing Referrers", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		when: "no", flag: func(d *registry.Dialect) *bool { return &d.ReferrersUnlinked }},
	{name: "referrers.filter", about: "whether referrers are filtered by artifactType", section: "Listing Referrers", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		when: "no", flag: func(d *registry.Dialect) *bool { return &d.NoFilter }},
	{name: "referrers.order", about: "the order of referrers", section: "Listing Referrers", kind: Choice, values: []string{"digest", "newest-first", "oldest-first", "unsorted"}, strict: "digest",
		set: setReferrersOrder},
	{name: "referrers.fields", about: "fields of the entries beside those of a descriptor", section: "Listing Referrers", kind: Text, strict: "none"},
	{name: "referrers.artifact-type", about: "whether entries have artifactType; config: the mediaType of the config, whatever the manifest has", section: "Listing Referrers", kind: Choice, values: []string{"yes", "config", "no"}, strict: "yes",
		when: "config", flag: func(d *registry.Dialect) *bool { return &d.ConfigType }},
	{name: "referrers.missing-subject", about: "the referrers of a manifest that does not exist", section: "Listing Referrers", kind: Outcome, strict: "200", ops: []op.Op{op.ReferrerList},
		refuse: func(s *Settings) { s.Registry.Dialect.RefuseUnknownSubjects = true }, refused: []string{"subject-unknown"}},
	{name: "referrers.bad-digest", about: "the referrers of a malformed digest", section: "Listing Referrers", kind: Outcome, strict: "400 DIGEST_INVALID", ops: []op.Op{op.ReferrerList}, causes: []string{"digest-malformed"},
		accept: func(s *Settings) { s.Registry.Dialect.AnySubject = true }},

	// Authentication.
	{name: "auth.scheme", about: "the scheme of authentication", section: "", kind: Choice, values: []string{"none", "basic", "bearer"}, strict: "none",
		set: setScheme},
	{name: "auth.anonymous", about: "whether anonymous clients can pull: without a token, with an anonymous token, or not at all", section: "", kind: Choice, values: []string{"none", "open", "token"}, strict: "none",
		set: onAuth(setAnonymous)},
	{name: "auth.ping", about: "whether /v2/ needs credentials, or is open to anonymous clients", section: "Determining Support", kind: Choice, values: []string{"credentials", "open"}, strict: "credentials", fails: []string{"open"},
		set: onAuth(func(o *auth.Options, v string) error { o.OpenPing = v == "open"; return nil })},
	{name: "auth.catalog", about: "whether the list of repositories needs credentials, or is open to anonymous clients", section: "", kind: Choice, values: []string{"credentials", "open"}, strict: "credentials",
		set: onAuth(setOpenCatalog)},
	{name: "auth.path", about: "the path of the token endpoint", section: "", kind: Text, strict: "/v2/token",
		set: onToken(func(t *auth.TokenOptions, v string) error { t.Path = v; return nil })},
	{name: "auth.service", about: "the service of challenges", section: "", kind: Text, strict: "ocifake",
		set: onToken(func(t *auth.TokenOptions, v string) error { t.Service = v; return nil })},
	{name: "auth.scope", about: "the scope of challenges, if it does not depend on the request", section: "", kind: Text, strict: "that of the request", fails: []string{"*"},
		set: onToken(func(t *auth.TokenOptions, v string) error { t.Scope = v; return nil })},
	{name: "auth.token-access", about: "what a token allows: its scopes, or all that its user may", section: "", kind: Choice, values: []string{"scopes", "user"}, strict: "scopes",
		set: onToken(func(t *auth.TokenOptions, v string) error { t.Unscoped = v == "user"; return nil })},
	{name: "auth.mount-source", about: "when the challenge to a mount names the source: if the token lacks nothing else, from the first, or never", section: "Mounting a blob from another repository", kind: Choice, values: []string{"last", "named", "ignored"}, strict: "last",
		set: onToken(func(t *auth.TokenOptions, v string) error {
			if t.MountSource = v; v == "last" {
				t.MountSource = ""
			}
			return nil
		})},
	{name: "auth.realm", about: "the realm of Basic challenges", section: "", kind: Text, strict: "ocifake",
		set: onAuth(func(o *auth.Options, v string) error { o.Realm = v; return nil })},
	{name: "auth.ttl", about: "the lifetime of a token", section: "", kind: Text, strict: "5m",
		set: onToken(setTTL)},
	{name: "auth.token-field", about: "the field with the token", section: "", kind: Choice, values: []string{"both", "token", "access_token"}, strict: "both",
		set: onToken(func(t *auth.TokenOptions, v string) error {
			if t.Field = v; v == "both" {
				t.Field = ""
			}
			return nil
		})},
	{name: "auth.expires-in", about: "whether the answer with a token has expires_in", section: "", kind: Choice, values: []string{"yes", "no"}, strict: "yes",
		set: onToken(func(t *auth.TokenOptions, v string) error { t.OmitExpiresIn = v == "no"; return nil })},
	{name: "auth.post", about: "the status of a POST for a token", section: "", kind: Text, strict: "200",
		set: onToken(setPost)},
	{name: "auth.token-fields", about: "fields of the answer with a token beside the token and expires_in", section: "", kind: Text, strict: "issued_at, scope"},
	{name: "auth.unauthorized", about: "a request without the right credentials", section: "", kind: Outcome, strict: "401 UNAUTHORIZED", causes: []string{"unauthorized"}},
	{name: "auth.detail", about: "the fields of the detail of a refusal, with an entry for each action that is missing", section: "Error Codes", kind: Text, strict: "type, name, actions",
		set: onAuth(setDetail)},
	{name: "auth.denied", about: "a request that the user may not make", section: "", kind: Outcome, strict: "403 DENIED", causes: []string{"denied"}},
	{name: "auth.absent", about: "the status for a repository that the user may not see", section: "", kind: Text, strict: "401 with a token, 403 with a password",
		set: onAuth(setHide)},

	// Limits.
	{name: "limit.rate", about: "how many requests are served in a time, and the answer to others", kind: Text, strict: "none", fails: []string{"*"}},
	{name: "repository.create", about: "whether a push creates the repository", kind: Choice, values: []string{"yes", "no"}, strict: "yes"},
}

func setShape(s *Settings, v Value) error {
	shape := string(v)
	if v == "list" {
		shape = registry.ShapeList
	}
	s.addAnswer(registry.Answer{Errors: true, Shape: shape})
	return nil
}

// redirects are the values of traits of redirects.
var redirects = []string{"no", "302", "303", "307", "308"}

// setRedirect returns a set function for redirects of an operation.
func setRedirect(trait string, o op.Op) func(*Settings, Value) error {
	return func(s *Settings, v Value) error {
		if v == "no" {
			return nil
		}
		status, err := strconv.Atoi(string(v))
		if err != nil {
			return err
		}
		// The answer to a blob that does not exist is not a redirect.
		s.addRule(trait, faults.On(o).Where(record.Status("200", "206")).Do(faults.Redirect(status, "{cdn}")))
		return nil
	}
}

func setHeadLength(s *Settings, v Value) error {
	rule := faults.On(op.BlobHead).Where(record.Status("200"))
	switch v {
	case "zero":
		s.addRule("blob.head-length", rule.Do(faults.SetHeader("Content-Length", "0")))
	case "none":
		s.addRule("blob.head-length", rule.Do(faults.DropHeader("Content-Length")))
	}
	return nil
}

func setBlobType(s *Settings, v Value) error {
	if s.Registry.Dialect.BlobType = string(v); v == "octet-stream" {
		s.Registry.Dialect.BlobType = registry.OctetStream
	}
	return nil
}

func setReferrersOrder(s *Settings, v Value) error {
	if s.Registry.Dialect.ReferrersOrder = string(v); v == "digest" {
		s.Registry.Dialect.ReferrersOrder = registry.ReferrersByDigest
	}
	return nil
}

func setUnrouted(s *Settings, v Value) error {
	s.Registry.Dialect.Unrouted = map[Value]string{"refused": registry.UnroutedNone, "unrouted": registry.UnroutedAll, "unrouted-tags": registry.UnroutedTags}[v]
	return nil
}

func setSHA512(s *Settings, v Value) error {
	s.Registry.Dialect.SHA512 = map[Value]string{"kept": registry.SHA512Kept, "wrong": registry.SHA512Wrong, "canonical": registry.SHA512Canonical}[v]
	return nil
}

func setMount(s *Settings, v Value) error {
	switch v {
	case "never":
		s.Registry.NoMount = true
	case "readable":
	default:
		s.Registry.Dialect.Mounts = string(v)
	}
	return nil
}

func setGetDigest(s *Settings, v Value) error {
	if v == "all" {
		return nil
	}
	rule := faults.On(op.ManifestGet)
	if v == "by-digest" {
		rule = rule.Tag("*")
	}
	s.addRule("manifest.get-digest", rule.Do(faults.DropHeader("Docker-Content-Digest")))
	return nil
}

func setImmutable(s *Settings, v Value) error {
	s.Registry.ImmutableTags = v != "no"
	s.Registry.Dialect.ImmutableSame = v == "also-same"
	return nil
}

func setOCISubject(s *Settings, v Value) error {
	if v == "no" {
		s.addAnswer(registry.Answer{Ops: ops(op.ManifestPut), Header: map[string][]string{"OCI-Subject": {}}})
	}
	return nil
}

func setUnknownLast(s *Settings, v Value) error {
	s.Registry.Dialect.UnknownLast = map[Value]string{"after": registry.ListAfter, "empty": registry.ListNothing, "refused": registry.RefuseUnknown}[v]
	return nil
}

func setLink(s *Settings, v Value) error {
	d := s.Registry.Dialect
	d.AbsoluteLink, d.BareLink, d.NoLink = v == "absolute" || v == "bare", v == "bare", v == "none"
	return nil
}

// setLocation returns a set function for the form of a Location in answers with 201.
func setLocation(absolute func(*registry.Dialect) *bool, list ...op.Op) func(*Settings, Value) error {
	return func(s *Settings, v Value) error {
		*absolute(s.Registry.Dialect) = v == "absolute"
		if v == "none" {
			s.addAnswer(registry.Answer{Ops: list, Created: true, Header: map[string][]string{"Location": {}}})
		}
		return nil
	}
}

func setAllow(s *Settings, v Value) error {
	if v == "no" {
		s.remove(registry.Answer{Causes: causes("method-not-allowed")}, "Allow")
	}
	return nil
}

// remove removes header fields from answers.
func (s *Settings) remove(row registry.Answer, fields ...string) {
	row.Header = map[string][]string{}
	for _, name := range fields {
		row.Header[name] = []string{}
	}
	s.addAnswer(row)
}

func setVersion(s *Settings, v Value) error {
	if v == "all" {
		return nil
	}
	list := op.All()
	if v == "ping" {
		list = slices.DeleteFunc(list, func(o op.Op) bool { return o == op.Ping })
	}
	s.remove(registry.Answer{Ops: list}, "Docker-Distribution-Api-Version")
	s.remove(registry.Answer{Ops: list, Errors: true}, "Docker-Distribution-Api-Version")
	return nil
}

func setErrorDetail(s *Settings, v Value) error {
	switch v {
	case "none":
		s.addAnswer(registry.Answer{Errors: true, Shape: registry.ShapeNoDetail})
	case "text":
		s.addAnswer(registry.Answer{Errors: true, Detail: []byte(`"{target}"`)})
	}
	return nil
}

func setAcceptRanges(s *Settings, v Value) error {
	switch v {
	case "head":
		s.remove(registry.Answer{Ops: ops(op.BlobGet)}, "Accept-Ranges")
	case "none":
		s.remove(registry.Answer{Ops: ops(op.BlobGet, op.BlobHead)}, "Accept-Ranges")
	}
	return nil
}

func setUUID(s *Settings, v Value) error {
	if v == "no" {
		list := append(op.UploadBegin(), op.UploadChunk, op.UploadCommit, op.UploadStatus)
		s.remove(registry.Answer{Ops: list}, "Docker-Upload-UUID")
		s.remove(registry.Answer{Ops: list, Errors: true}, "Docker-Upload-UUID")
	}
	return nil
}

func setOCITag(s *Settings, v Value) error {
	s.Registry.Dialect.EachOCITag = v == "all"
	if v == "none" {
		s.remove(registry.Answer{Ops: ops(op.ManifestPut)}, "OCI-Tag")
	}
	return nil
}

func setStale(s *Settings, v Value) error {
	list := ops(op.UploadChunk, op.UploadCommit, op.UploadCancel, op.UploadStatus)
	s.Registry.Dialect.Stale = list[:map[Value]int{"none": 0, "chunks": 2, "writes": 3, "all": 4}[v]]
	return nil
}
