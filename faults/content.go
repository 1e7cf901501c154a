package faults

import (
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
)

// Corrupt inverts the byte of the content at an offset. A negative offset counts from
// the end. In the answer to a range request the offset is that in the whole content, so
// that a client that resumes receives the wrong byte too.
func Corrupt(offset int64) Effect { return corrupt{Offset: offset} }

type corrupt struct {
	Offset int64 `json:"offset" doc:"offset of the byte; negative: from the end"`
}

func (corrupt) kind() string { return "corrupt" }

func (corrupt) actsOn() opset.Set { return answersWithBody() }

func (corrupt) prospect(_ *op.Info, r *http.Request) prospect { return inBody(r) }

// inBody is the prospect of what acts on a body of an answer.
func inBody(r *http.Request) prospect {
	if r.Method == http.MethodHead {
		return never
	}
	return perhaps
}

func (e corrupt) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	at := e.Offset // in what is yet to be written; negative: not in it
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		start, size := int64(0), int64(0)
		if length, ok := contentLength(w.Header()); ok {
			size = length
		}
		if from, whole, ok := contentRange(w.Header()); ok {
			start, size = from, whole
		}
		if at < 0 {
			at += size
		}
		at -= start
		return status
	}
	out.body = func(p []byte) (int, error) {
		if here := at; here >= 0 && here < int64(len(p)) && x.act() {
			changed := []byte(string(p))
			changed[here] ^= 0xff
			p = changed
		}
		at -= int64(len(p))
		return w.Write(p)
	}
	out.serve(r, next)
}

// Zeros replaces the content by zero bytes of the same length.
func Zeros() Effect { return zeros{} }

type zeros struct{}

func (zeros) kind() string { return "zeros" }

func (zeros) actsOn() opset.Set { return answersWithBody() }

func (zeros) prospect(_ *op.Info, r *http.Request) prospect { return inBody(r) }

func (zeros) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	block := make([]byte, 32<<10)
	out := &rewriter{ResponseWriter: w}
	out.body = func(p []byte) (written int, err error) {
		if len(p) > 0 && !x.act() {
			return w.Write(p)
		}
		for written < len(p) && err == nil {
			var n int
			n, err = w.Write(block[:min(len(block), len(p)-written)])
			written += n
		}
		return written, err
	}
	out.serve(r, next)
}

// ContentOf sends the content of another blob or manifest of the repository in place of
// the content requested. If the repository does not have it, the answer does not change.
func ContentOf(d digest.Digest) Effect { return contentOf{d} }

type contentOf struct {
	Digest digest.Digest `json:"digest" doc:"digest of the other content"`
}

func (contentOf) kind() string { return "content-of" }

func (contentOf) needs() need { return needStore }

func (e contentOf) check() error {
	if err := e.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", e.Digest, err)
	}
	return nil
}

func (contentOf) actsOn() opset.Set { return contentReads() }

func (contentOf) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (e contentOf) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.contentOf, f.swap = e.Digest, x.act })
	next.ServeHTTP(w, r)
}

// Gzip compresses the content and adds Content-Encoding, even if the client does not
// accept it. The answer has no Content-Length. Gzip does not act on HEAD or on an empty
// body.
func Gzip() Effect { return gzipped{} }

type gzipped struct{}

func (gzipped) kind() string { return "gzip" }

func (gzipped) actsOn() opset.Set { return answersWithBody() }

func (gzipped) prospect(_ *op.Info, r *http.Request) prospect { return inBody(r) }

func (gzipped) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	var compressed *gzip.Writer
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		length, known := contentLength(w.Header())
		if bodyless(status) || known && length == 0 || !x.act() {
			return status
		}
		out.unsized = true
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
		compressed = gzip.NewWriter(w)
		return status
	}
	out.body = func(p []byte) (int, error) {
		if compressed == nil {
			return w.Write(p)
		}
		return compressed.Write(p)
	}
	out.serve(r, next)
	if compressed != nil {
		_ = compressed.Close() // the client has left
	}
}

// bodyless reports whether an answer with the status has no body.
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// IgnoreRange answers a range request for a blob with 200 and the whole blob.
func IgnoreRange() Effect { return ignoreRange{} }

type ignoreRange struct{}

func (ignoreRange) kind() string { return "ignore-range" }

func (ignoreRange) actsOn() opset.Set { return opset.Of(op.BlobGet, op.External) }

func (ignoreRange) prospect(info *op.Info, r *http.Request) prospect {
	condition := r.Header.Get("If-Range")
	if _, ok := requestedRange(r); !ok || condition != "" && condition != strconv.Quote(string(info.Digest)) {
		return never
	}
	return perhaps
}

func (ignoreRange) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !x.shot.claim() {
		next.ServeHTTP(w, r)
		return
	}
	x.onAnswer(w, withHeader(r, func(h http.Header) { h.Del("Range") }), next, func(status int) bool {
		length, known := contentLength(w.Header())
		return status == http.StatusOK && (!known || length > 0)
	})
}

// onAnswer serves a request that an effect has changed. The effect acted if the answer
// shows it; else its claim is taken back.
func (x *exchange) onAnswer(w http.ResponseWriter, r *http.Request, next http.Handler, shows func(status int) bool) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if shows(status) {
			x.act()
		}
		return status
	}
	defer x.shot.release() // does nothing once it acted
	out.serve(r, next)
}

// requestedRange returns what a request asks for in Range: "0-99", "100-", "-5".
func requestedRange(r *http.Request) (set string, ok bool) {
	unit, set, ok := strings.Cut(r.Header.Get("Range"), "=")
	if r.Method != http.MethodGet || !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || strings.Contains(set, ",") {
		return "", false // ignored by itself
	}
	return strings.TrimSpace(set), true
}

// ShiftRange answers a request for a part with another part, that begins so many
// bytes later. Content-Range says which part it is, unless the effect is Claimed.
func ShiftRange(by int64) ShiftedRange { return ShiftedRange{shiftRange{By: by}} }

// ShiftedRange is the effect of [ShiftRange].
type ShiftedRange struct{ shiftRange }

// Claimed has Content-Range say what was asked for, also if the content ends before so
// many bytes have come.
func (e ShiftedRange) Claimed() ShiftedRange {
	e.Claim = true
	return e
}

type shiftRange struct {
	By    int64 `json:"by" doc:"bytes by which the range begins later; negative: earlier"`
	Claim bool  `json:"claim,omitempty" doc:"Content-Range names the requested range"`
}

func (shiftRange) kind() string { return "shift-range" }

func (e shiftRange) check() error {
	if e.By == 0 {
		return errors.New("by: want a number of bytes other than 0")
	}
	return nil
}

func (shiftRange) actsOn() opset.Set { return opset.Of(op.BlobGet, op.External) }

// shifted returns the start that was asked for, and the range to ask for instead.
func (e shiftRange) shifted(r *http.Request) (start int64, set string, ok bool) {
	asked, ok := requestedRange(r)
	first, last, cut := strings.Cut(asked, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	if !ok || !cut || err != nil || start < 0 || e.By > math.MaxInt64-start || start+e.By < 0 {
		return 0, "", false
	}
	set = fmt.Sprintf("%d-", start+e.By)
	if end, err := strconv.ParseInt(last, 10, 64); err == nil && e.By <= math.MaxInt64-end {
		set += strconv.FormatInt(max(end+e.By, start+e.By), 10)
	} else if last != "" {
		return 0, "", false
	}
	return start, set, true
}

func (e shiftRange) prospect(_ *op.Info, r *http.Request) prospect {
	if _, _, ok := e.shifted(r); !ok {
		return never
	}
	return perhaps
}

func (e shiftRange) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	start, set, _ := e.shifted(r)
	if !x.shot.claim() {
		next.ServeHTTP(w, r)
		return
	}
	x.onAnswer(w, withHeader(r, func(h http.Header) { h.Set("Range", "bytes="+set) }), next, func(status int) bool {
		if _, whole, ok := contentRange(w.Header()); ok && e.Claim {
			w.Header().Set("Content-Range", claimedRange(r, start, whole))
		}
		return status == http.StatusPartialContent || status == http.StatusRequestedRangeNotSatisfiable
	})
}

// claimedRange is the Content-Range of the answer that was asked for.
func claimedRange(r *http.Request, start, size int64) string {
	asked, _ := requestedRange(r)
	_, last, _ := strings.Cut(asked, "-")
	end := size - 1
	if n, err := strconv.ParseInt(last, 10, 64); err == nil {
		end = min(end, n)
	}
	return fmt.Sprintf("bytes %d-%d/%d", start, end, size)
}

// withHeader returns a request with a changed header; that of others stays as it
// is.
func withHeader(r *http.Request, change func(http.Header)) *http.Request {
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	change(r.Header)
	return r
}

func contentLength(h http.Header) (int64, bool) {
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return n, err == nil
}

func setContentLength(h http.Header, n int64) {
	h.Set("Content-Length", strconv.FormatInt(n, 10))
}

// contentRange returns what the registry has put into Content-Range.
func contentRange(h http.Header) (start, size int64, ok bool) {
	var end int64
	n, _ := fmt.Sscanf(h.Get("Content-Range"), "bytes %d-%d/%d", &start, &end, &size)
	return start, size, n == 3
}
