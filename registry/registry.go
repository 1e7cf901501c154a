// Package registry serves the OCI distribution API over a [Store].
//
// It implements the distribution specification 1.1.1, the additions of its main branch
// (upload cancel, digest-algorithm, tag parameters), and Docker's catalog, for OCI and
// Docker schema 2 content. It is strict: every relaxation is an option in [Options].
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Registry is the distribution API as an [http.Handler]. It can be part of any mux, also under
// a prefix that [http.StripPrefix] removes. Its methods are safe for concurrent use.
type Registry struct {
	store   Store
	options atomic.Pointer[settings]
	serial  atomic.Uint64 // of upload locations
}

// New returns a registry with its content in store. It panics if store is nil, or if
// [Options.Validate] returns an error.
func New(store Store, options Options) *Registry {
	must.NotNil("registry: New: store", store)
	g := &Registry{store: store}
	g.SetOptions(options)
	return g
}

// SetOptions replaces the options for requests that begin afterwards. It panics if
// [Options.Validate] returns an error for them.
func (g *Registry) SetOptions(options Options) {
	if err := options.Validate(); err != nil {
		panic(fmt.Sprintf("registry: invalid options: %v", err))
	}
	s := &settings{Options: options, speech: options.Dialect.speak()}
	if options.Dialect != nil {
		s.dialect = *options.Dialect
	}
	g.options.Store(s)
}

// Options returns the current options.
func (g *Registry) Options() Options { return g.options.Load().Options }

// ServeHTTP serves one request of the API. It panics with [http.ErrAbortHandler] if a response
// that has begun cannot be completed, or if the client leaves before the Store returns.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	must.NotNil("registry: Registry.ServeHTTP: w", w)
	must.NotNil("registry: Registry.ServeHTTP: r", r)
	r, state := inflight.Begin(g.addressed(r))
	c := &call{Registry: g, options: g.options.Load(), state: state, info: state.Info(), content: contentOf(r), w: w, r: r}
	c.header().Set(versionHeader, version)
	for _, text := range c.options.Warnings {
		c.header().Add("Warning", "299 - "+httpfield.Quote(text))
	}
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

// call is one request being served.
type call struct {
	*Registry
	options *settings
	state   *inflight.State
	info    *op.Info // of the state
	content content
	w       http.ResponseWriter
	r       *http.Request
}

// handlers has a row for every operation of the API. A handler answers the
// request, or returns an error before it has written anything.
var handlers = [...]func(*call) error{
	op.Unknown:        (*call).unknown,
	op.Ping:           (*call).ping,
	op.BlobGet:        (*call).getBlob,
	op.BlobHead:       (*call).getBlob,
	op.BlobDelete:     (*call).deleteBlob,
	op.BlobPost:       (*call).postBlob,
	op.BlobMount:      (*call).mountBlob,
	op.UploadStart:    (*call).startUpload,
	op.UploadChunk:    (*call).patchUpload,
	op.UploadCommit:   (*call).commitUpload,
	op.UploadStatus:   (*call).uploadStatus,
	op.UploadCancel:   (*call).cancelUpload,
	op.ManifestGet:    (*call).getManifest,
	op.ManifestHead:   (*call).getManifest,
	op.ManifestPut:    (*call).putManifest,
	op.ManifestDelete: (*call).deleteManifest,
	op.TagDelete:      (*call).deleteTag,
	op.TagList:        (*call).listTags,
	op.ReferrerList:   (*call).listReferrers,
	op.RepositoryList: (*call).listRepositories,
}

func (c *call) serve() error {
	if err := c.options.refuses(c.info.Op); err != nil {
		if errors.Is(err, MethodNotAllowed) {
			MethodNotAllowed.SetHeader(c.header(), c.r, c.store)
		}
		return err
	}
	if err := c.checkRequest(); err != nil {
		return err
	}
	if c.info.Repo != "" && !op.ValidRepository(c.info.Repo) && !c.options.dialect.AnyName {
		cause := nameUnusable
		if c.info.Op.Write() {
			cause = NameInvalid
		}
		return &Error{Cause: cause, Message: fmt.Sprintf("invalid repository name %q", c.info.Repo)}
	}
	if int(c.info.Op) >= len(handlers) {
		return c.unknown() // of others: auth, a second origin
	}
	return handlers[c.info.Op](c)
}

// checkRequest refuses what clients and registries could read differently.
func (c *call) checkRequest() error {
	if c.info.Op == op.Unknown {
		return nil
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return &Error{Cause: Unsupported, Message: fmt.Sprintf("the query %q is malformed: %v", c.r.URL.RawQuery, err)}
	}
	for name, values := range query {
		if len(values) > 1 && name != "tag" {
			return &Error{Cause: Unsupported, Message: fmt.Sprintf("the query has %q %d times: want it once", name, len(values))}
		}
	}
	if c.info.Op.Write() {
		return c.checkContentHeaders()
	}
	return nil
}

// unknown answers what is no operation: 405 with Allow where another method
// would be one, else a 404 in plain text, since the specification has no code.
func (c *call) unknown() error {
	if len(c.info.Allow) > 0 {
		MethodNotAllowed.SetHeader(c.header(), c.r, c.store)
		return &Error{
			Cause:   MethodNotAllowed,
			Message: fmt.Sprintf("%s is not a method of this endpoint", c.info.Method),
		}
	}
	http.Error(c.w, fmt.Sprintf("404 page not found: %s %s is not part of the distribution API; "+
		"its paths begin with /v2/ and only /v2/ and /v2/<name>/blobs/uploads/ end with a slash",
		c.info.Method, c.r.URL.EscapedPath()), http.StatusNotFound)
	return nil
}

// ping is end-1, "Determining Support".
func (c *call) ping() error {
	return c.sendJSON("application/json", struct{}{})
}

func (c *call) header() http.Header { return c.w.Header() }

// set sets fields of the answer: names, in canonical form, and values in turn.
// All values are in one allocation, which shows where answers are small.
func (c *call) set(fields ...string) {
	h, values := c.header(), make([]string, len(fields)/2)
	for i := range values {
		values[i] = fields[2*i+1]
		h[fields[2*i]] = values[i : i+1 : i+1]
	}
}

func (c *call) ctx() context.Context { return c.r.Context() }
