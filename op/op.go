// Package op names the operations of the OCI distribution API, and parses requests.
//
//	info := op.Parse(r.Method, r.URL)
//	if info.Op == op.BlobGet {
//		log.Printf("%s is fetched from %s", info.Digest, info.Repo)
//	}
//
// The registry, authorization, the recorder and fault rules all use what [Parse] returns. The
// table in this package is the only place with the paths and methods of the API.
package op

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/near"
)

// Op is an operation of the distribution API. Its text form, such as "blob.get", is the same
// in JSON, YAML, logs and on the command line. The zero value is Unknown.
type Op uint8

// The operations, with the request and the number of the endpoint in the specification.
const (
	Unknown        Op = iota // any request that is none of the others
	Ping                     // GET /v2/ (end-1)
	BlobGet                  // GET blobs/<digest> (end-2)
	BlobHead                 // HEAD blobs/<digest> (end-2)
	ManifestGet              // GET manifests/<reference> (end-3)
	ManifestHead             // HEAD manifests/<reference> (end-3)
	UploadStart              // POST blobs/uploads/ (end-4a, end-4c)
	BlobPost                 // POST blobs/uploads/?digest= (end-4b)
	UploadChunk              // PATCH blobs/uploads/<session> (end-5)
	UploadCommit             // PUT blobs/uploads/<session>?digest= (end-6)
	ManifestPut              // PUT manifests/<reference> (end-7)
	TagList                  // GET tags/list (end-8)
	ManifestDelete           // DELETE manifests/<digest> (end-9)
	TagDelete                // DELETE manifests/<tag> (end-9)
	BlobDelete               // DELETE blobs/<digest> (end-10)
	BlobMount                // POST blobs/uploads/?mount=&from= (end-11)
	ReferrerList             // GET referrers/<digest> (end-12)
	UploadStatus             // GET blobs/uploads/<session> (end-13)
	UploadCancel             // DELETE blobs/uploads/<session> (end-14)
	RepositoryList           // GET /v2/_catalog (Docker)
	Token                    // GET, POST of the token endpoint (Docker, OAuth2)
	TokenKeys                // GET of the keys that sign tokens (RFC 7517)
	External                 // any request to a second origin
)

// row describes an operation. Several operations may share a resource and a method; the first
// one whose condition holds applies.
type row struct {
	op       Op
	text     string
	resource resource
	methods  []string
	when     func(*Info) bool // nil: always
	write    bool
}

// table is in the order of the constants; rows that share a resource and a
// method stand in the order in which their conditions are tried.
var table = [...]row{
	{op: Unknown, text: "unknown"},
	{op: Ping, text: "ping", resource: base, methods: read},
	{op: BlobGet, text: "blob.get", resource: blob, methods: get},
	{op: BlobHead, text: "blob.head", resource: blob, methods: head},
	{op: ManifestGet, text: "manifest.get", resource: manifest, methods: get},
	{op: ManifestHead, text: "manifest.head", resource: manifest, methods: head},
	{op: UploadStart, text: "upload.start", resource: uploads, methods: post, when: plainUpload, write: true},
	{op: BlobPost, text: "blob.post", resource: uploads, methods: post, when: hasDigest, write: true},
	{op: UploadChunk, text: "upload.chunk", resource: session, methods: patch, write: true},
	{op: UploadCommit, text: "upload.commit", resource: session, methods: put, write: true},
	{op: ManifestPut, text: "manifest.put", resource: manifest, methods: put, write: true},
	{op: TagList, text: "tag.list", resource: tags, methods: read},
	{op: ManifestDelete, text: "manifest.delete", resource: manifest, methods: del, when: hasDigest, write: true},
	{op: TagDelete, text: "tag.delete", resource: manifest, methods: del, when: hasTag, write: true},
	{op: BlobDelete, text: "blob.delete", resource: blob, methods: del, write: true},
	{op: BlobMount, text: "blob.mount", resource: uploads, methods: post, when: isMount, write: true},
	{op: ReferrerList, text: "referrer.list", resource: referrers, methods: read},
	{op: UploadStatus, text: "upload.status", resource: session, methods: read},
	{op: UploadCancel, text: "upload.cancel", resource: session, methods: del, write: true},
	{op: RepositoryList, text: "repository.list", resource: catalog, methods: read},
	{op: Token, text: "token", resource: token, methods: getPost},
	{op: TokenKeys, text: "token.keys", resource: keys, methods: get},
	{op: External, text: "external"},
}

// Every resource that answers GET answers HEAD too (RFC 9110, 9.1).
var (
	read    = []string{http.MethodGet, http.MethodHead}
	get     = []string{http.MethodGet}
	getPost = []string{http.MethodGet, http.MethodPost}
	head    = []string{http.MethodHead}
	post    = []string{http.MethodPost}
	patch   = []string{http.MethodPatch}
	put     = []string{http.MethodPut}
	del     = []string{http.MethodDelete}
)

func isMount(i *Info) bool     { return i.mount }
func hasDigest(i *Info) bool   { return !i.mount && i.Digest != "" }
func hasTag(i *Info) bool      { return i.Digest == "" }
func plainUpload(i *Info) bool { return !i.mount && i.Digest == "" }

// All returns all operations except Unknown, in the order of the specification.
func All() []Op {
	all := make([]Op, 0, len(table)-1)
	for _, r := range table[1:] {
		all = append(all, r.op)
	}
	return all
}

// UploadBegin returns the operations of the POST that begins an upload: UploadStart, BlobPost
// and BlobMount. A client chooses one of them, depending on what it knows about other
// repositories.
func UploadBegin() []Op { return []Op{UploadStart, BlobPost, BlobMount} }

// String returns the text form, "blob.get".
func (o Op) String() string {
	if int(o) >= len(table) {
		return fmt.Sprintf("op(%d)", uint8(o))
	}
	return table[o].text
}

// Write reports whether the operation changes the registry's content.
func (o Op) Write() bool { return int(o) < len(table) && table[o].write }

// Methods returns the methods of requests for the operation: none for Unknown and
// External, whose requests may have any.
func (o Op) Methods() []string {
	if int(o) >= len(table) {
		return nil
	}
	return slices.Clone(table[o].methods)
}

// InRepository reports whether requests for the operation name a repository.
func (o Op) InRepository() bool {
	return int(o) < len(table) && slices.ContainsFunc(suffixes, func(s suffix) bool { return s.resource == table[o].resource })
}

// MarshalText implements [encoding.TextMarshaler].
func (o Op) MarshalText() ([]byte, error) {
	if int(o) >= len(table) {
		return nil, fmt.Errorf("op: no operation has the number %d", uint8(o))
	}
	return []byte(table[o].text), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]. The error for an unknown name suggests
// a similar one, or lists all.
func (o *Op) UnmarshalText(text []byte) error {
	i := slices.IndexFunc(table[:], func(r row) bool { return r.text == string(text) })
	if i < 0 {
		var names []string
		for _, o := range All() {
			names = append(names, o.String())
		}
		return fmt.Errorf("op: unknown operation %q: %s", text, near.Hint(string(text), names))
	}
	*o = table[i].op
	return nil
}
