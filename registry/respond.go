package registry

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/internal/must"
)

// location returns a URL of the API for Location and Link: a path, unless it is absolute in
// the dialect or by the options. path begins with "/v2/".
func (c *call) location(path string, absolute bool) string {
	origin, prefix := inflight.Base(c.r, c.options.TrustForwarded)
	if c.options.AbsoluteURLs || absolute {
		return origin + prefix + path
	}
	return prefix + path
}

// blobURL and the like are URLs of the API below the repository.
func (c *call) blobURL(digest string) string {
	return c.location("/v2/"+c.info.Name()+"/blobs/"+digest, c.options.dialect.AbsoluteBlob)
}

func (c *call) manifestURL(digest string) string {
	reference := digest
	if c.options.dialect.ManifestReference == AsPushed {
		reference = c.reference()
	}
	return c.location("/v2/"+c.info.Name()+"/manifests/"+reference, c.options.dialect.AbsoluteManifest)
}

// sendStatus answers without a body.
func (c *call) sendStatus(status int) error {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.header().Set("Content-Length", "0")
	}
	c.begin(status)
	return nil
}

func (c *call) sendJSON(contentType string, value any) error {
	body, err := jsonedit.Marshal(value)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, contentType, body)
	return nil
}

// send answers with a body, of which HEAD gets the header only.
func (c *call) send(status int, contentType string, body []byte) {
	c.set("Content-Type", contentType, "Content-Length", strconv.Itoa(len(body)))
	if !c.begin(status) {
		c.writeBody(body)
	}
}

// writeBody writes a body, which HEAD does not get.
func (c *call) writeBody(body []byte) {
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the client has left
	}
}

// errorBody is the body of an error response ("Error Codes").
type errorBody struct {
	Errors []errorEntry `json:"errors"`
}

type errorEntry struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

// WriteError answers a request with an error as the registry does: with the status and the
// code of the [Cause] that the error wraps, and the JSON body of the specification. An error
// without a Cause is answered with 500. If the client has left, WriteError panics with
// [http.ErrAbortHandler] instead. It is for handlers in front of a registry.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	must.NotNil("registry: WriteError: w", w)
	must.NotNil("registry: WriteError: r", r)
	must.NotNil("registry: WriteError: err", err)
	r, state := inflight.Begin(r)
	c := &call{options: &settings{speech: speechOf(r.Context())}, state: state, info: state.Info(), w: w, r: r}
	c.fail(err)
}

// fail answers with an error. The first error of a joined one gives the status;
// all of them stand in the body.
func (c *call) fail(err error) {
	inflight.Answer(c.w, c.r, func() { c.sendError(err) })
}

func (c *call) sendError(err error) {
	errs := leaves(err)
	status := causeOf(errs[0]).status()
	if status >= http.StatusInternalServerError {
		if errors.Is(c.ctx().Err(), context.Canceled) {
			panic(http.ErrAbortHandler) // the client has left, which is why the Store failed
		}
		c.options.log().ErrorContext(c.ctx(), "request failed", "op", c.info.Op, "repository", c.info.Repo, "error", err)
		c.sendInternal()
		return
	}
	a := refusal{status: status, contentType: "application/json"}
	for _, e := range errs {
		cause := causeOf(e)
		a.entries = append(a.entries, c.translate(&a, cause, entry(cause, e)))
	}
	body, err := a.encode(c)
	if err != nil {
		c.options.log().ErrorContext(c.ctx(), "error detail cannot be encoded", "op", c.info.Op, "error", err)
		c.sendInternal()
		return
	}
	a.setHeader(c, len(body))
	c.w.WriteHeader(a.status)
	c.writeBody(body)
}

// internalBody has the code that registries have for errors of their own. The specification has none.
const internalBody = `{"errors":[{"code":"UNKNOWN","message":"unknown error: internal error"}]}`

// sendInternal answers with 500. What is wrong is in the log.
func (c *call) sendInternal() {
	c.header().Del("Etag")
	c.set("Content-Type", "application/json", "Content-Length", strconv.Itoa(len(internalBody)))
	c.w.WriteHeader(http.StatusInternalServerError)
	c.writeBody([]byte(internalBody))
}

// leaves returns the errors that were joined, in order.
func leaves(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		if list := joined.Unwrap(); len(list) > 0 {
			return list
		}
	}
	return []error{err}
}

func causeOf(err error) Cause {
	var cause Cause
	if errors.As(err, &cause) {
		return cause
	}
	return internal
}

func entry(cause Cause, err error) errorEntry {
	e := errorEntry{Code: cause.Code(), Message: cause.Error()}
	var detailed *Error
	if errors.As(err, &detailed) {
		e.Detail = detailed.Detail
		if detailed.Message != "" {
			e.Message = cause.message(detailed.Message)
		}
	}
	return e
}
