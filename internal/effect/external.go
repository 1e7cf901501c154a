package effect

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Redirect answers with a redirect.
type Redirect struct {
	Status int    `json:"status" doc:"status code, by default 307"`
	To     string `json:"to" doc:"the Location, with placeholders"`
}

func (Redirect) Kind() string { return "redirect" }

func (Redirect) ends() bool { return true }

func (e Redirect) needs() need { return needsOfTexts(e.To) }

func (e Redirect) check() error {
	switch {
	case e.Status < 300 || e.Status > 399:
		return fmt.Errorf("%d is no redirect: want 301, 302, 303, 307 or 308", e.Status)
	case e.To == "":
		return errors.New("to is missing")
	case e.Status == http.StatusNotModified:
		return errors.New("304 is no redirect: want 301, 302, 303, 307 or 308")
	}
	return checkText(e.To)
}

func (e Redirect) serve(x *Exchange, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	inflight.Answer(w, r, func() {
		w.Header().Set("Location", x.expand(e.To, r))
		w.Header().Set("Content-Length", "0")
		if x.info.Digest != "" {
			w.Header().Set("Docker-Content-Digest", string(x.info.Digest))
		}
		w.WriteHeader(e.Status)
	})
}

// signedFor is how long a URL of the second origin is valid.
const signedFor = 20 * time.Minute

const (
	expiresParameter   = "expires"
	signatureParameter = "signature"
)

// external returns the URL of what is asked for at the second origin. It is
// valid for some time from now.
func (x *Exchange) external(r *http.Request, valid time.Duration) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	info := *x.info
	if info.Digest == "" && info.Tag != "" {
		if m, err := x.env.store.Manifest(r.Context(), info.Repo, info.Tag); err == nil {
			info.Digest = m.Descriptor.Digest
		}
	}
	path := inflight.ExternalPath(&info)
	expires := strconv.FormatInt(time.Now().Add(valid).Unix(), 10)
	query := url.Values{expiresParameter: {expires}, signatureParameter: {x.env.sign(path, expires)}}
	return (&url.URL{Scheme: scheme, Host: x.externalHost(), Path: path, RawQuery: query.Encode()}).String()
}

// externalHost returns the host of the second origin. The first call starts it.
func (x *Exchange) externalHost() string {
	host, err := x.env.Site().External()
	if err != nil {
		return "second-origin.invalid" // the server is closing, or has logged why it cannot listen
	}
	return host
}

func (e *Env) sign(path, expires string) string {
	h := hmac.New(sha256.New, e.secret[:])
	io.WriteString(h, path+"\x00"+expires)
	return hex.EncodeToString(h.Sum(nil))
}

// External returns the handler of the second origin. It serves content under signed URLs,
// and errors in XML, as object storages do. Like them, it refuses credentials beside the
// signature: a client must not send them to another host. Requests for upload sessions, whose
// Location a [Location] has moved there, go to the registry.
func (e *Env) External(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, state := inflight.Begin(r)
		info := state.Info()
		if info.Op != op.External {
			registry.ServeHTTP(w, r)
			return
		}
		query := r.URL.Query()
		expires := query.Get(expiresParameter)
		seconds, err := strconv.ParseInt(expires, 10, 64)
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			storageError(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		case info.Repo == "" || info.Digest == "":
			storageError(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		case r.Header.Get("Authorization") != "":
			storageError(w, http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
		case err != nil || !hmac.Equal([]byte(query.Get(signatureParameter)), []byte(e.sign(r.URL.Path, expires))):
			storageError(w, http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
		case time.Now().Unix() > seconds:
			storageError(w, http.StatusForbidden, "AccessDenied", "Request has expired")
		default:
			e.serveExternal(w, r, info)
		}
	})
}

func storageError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// etagDigits is the length of entity tags of the second origin. Storage services have tags of
// their own, which are not digests.
const etagDigits = 32

func (e *Env) serveExternal(w http.ResponseWriter, r *http.Request, info *op.Info) {
	if e.store == nil {
		storageError(w, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
		return
	}
	content, size, close, err := e.open(r, info)
	switch {
	case errors.Is(err, registry.BlobUnknown), errors.Is(err, registry.ManifestUnknown):
		storageError(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	case err != nil:
		abortIfLeft(r)
		storageError(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
		return
	}
	defer close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"`+info.Digest.Encoded()[:etagDigits]+`"`)
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(content, 0, size))
}

// open opens the blob or the manifest that a request to the second origin is for.
func (e *Env) open(r *http.Request, info *op.Info) (content io.ReaderAt, size int64, close func(), err error) {
	if inflight.IsExternalManifest(r) {
		m, err := e.store.Manifest(r.Context(), info.Repo, string(info.Digest))
		return bytes.NewReader(m.Content), int64(len(m.Content)), func() {}, err
	}
	blob, err := e.store.OpenBlob(r.Context(), info.Repo, info.Digest)
	if err != nil {
		return nil, 0, nil, err
	}
	return blob, blob.Size(), func() { blob.Close() }, nil
}
