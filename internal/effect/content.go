package effect

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// Corrupt inverts one byte of the content.
type Corrupt struct {
	Offset int64 `json:"offset" doc:"offset of the byte; negative: from the end"`
}

func (Corrupt) Kind() string { return "corrupt" }

func (Corrupt) actsOn() filter.Ops { return answersWithBody() }

func (Corrupt) prospect(_ *op.Info, r *http.Request) Prospect { return inBody(r) }

// inBody is the prospect of what acts on a body of an answer.
func inBody(r *http.Request) Prospect {
	if r.Method == http.MethodHead {
		return Never
	}
	return Perhaps
}

func (e Corrupt) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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

// Zeros sends zeros in place of the content.
type Zeros struct{}

func (Zeros) Kind() string { return "zeros" }

func (Zeros) actsOn() filter.Ops { return answersWithBody() }

func (Zeros) prospect(_ *op.Info, r *http.Request) Prospect { return inBody(r) }

func (Zeros) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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

// ContentOf sends other content of the repository.
type ContentOf struct {
	Digest digest.Digest `json:"digest" doc:"digest of the other content"`
}

func (ContentOf) Kind() string { return "content-of" }

func (ContentOf) early() string { return actsOnRequest }

func (ContentOf) needs() need { return needStore }

func (e ContentOf) check() error {
	if err := e.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", e.Digest, err)
	}
	return nil
}

func (ContentOf) actsOn() filter.Ops { return contentReads() }

func (ContentOf) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (e ContentOf) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.contentOf, f.swap = e.Digest, x.act })
	next.ServeHTTP(w, r)
}

// bodyless reports whether an answer with the status has no body.
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// IgnoreRange answers a range request with the whole content.
type IgnoreRange struct{}

func (IgnoreRange) Kind() string { return "ignore-range" }

func (IgnoreRange) early() string { return actsOnRange }

func (IgnoreRange) actsOn() filter.Ops { return filter.OpsOf(op.BlobGet, op.External) }

func (IgnoreRange) prospect(info *op.Info, r *http.Request) Prospect {
	condition := r.Header.Get("If-Range")
	if _, ok := requestedRange(r); !ok || condition != "" && condition != strconv.Quote(string(info.Digest)) {
		return Never
	}
	return Perhaps
}

func (IgnoreRange) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !x.shot.Claim() {
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
func (x *Exchange) onAnswer(w http.ResponseWriter, r *http.Request, next http.Handler, shows func(status int) bool) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if shows(status) {
			x.act()
		}
		return status
	}
	defer x.shot.Release() // does nothing once it acted
	out.serve(r, next)
}

// requestedRange returns what a request asks for in Range: "0-99", "100-", "-5".
func requestedRange(r *http.Request) (set string, ok bool) {
	set, ok = rangeSet(r)
	if !ok || strings.Contains(set, ",") {
		return "", false // ignored by itself
	}
	return strings.TrimSpace(set), true
}

// rangeSet returns the ranges of bytes that a GET requests: "0-99,200-".
func rangeSet(r *http.Request) (set string, ok bool) {
	unit, set, ok := strings.Cut(r.Header.Get("Range"), "=")
	return set, ok && r.Method == http.MethodGet && strings.EqualFold(strings.TrimSpace(unit), "bytes")
}

// ShiftRange answers a range request with another range.
type ShiftRange struct {
	By    int64 `json:"by" doc:"bytes by which the range begins later; negative: earlier"`
	Claim bool  `json:"claim,omitempty" doc:"Content-Range names the requested range"`
}

func (ShiftRange) Kind() string { return "shift-range" }

func (ShiftRange) early() string { return actsOnRange }

func (e ShiftRange) check() error {
	if e.By == 0 {
		return errors.New("by: want a number of bytes other than 0")
	}
	return nil
}

func (ShiftRange) actsOn() filter.Ops { return filter.OpsOf(op.BlobGet, op.External) }

// shifted returns the start that was asked for, and the range to ask for instead.
func (e ShiftRange) shifted(r *http.Request) (start int64, set string, ok bool) {
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

func (e ShiftRange) prospect(_ *op.Info, r *http.Request) Prospect {
	if _, _, ok := e.shifted(r); !ok {
		return Never
	}
	return Perhaps
}

func (e ShiftRange) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	start, set, _ := e.shifted(r)
	if !x.shot.Claim() {
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

// setContentRange shortens the range that an answer has in Content-Range, if any, to n
// bytes. No text exists for an empty range.
func setContentRange(h http.Header, n int64) {
	if start, size, ok := contentRange(h); ok && n > 0 {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, start+n-1, size))
	}
}

// contentRange returns what the registry has put into Content-Range.
func contentRange(h http.Header) (start, size int64, ok bool) {
	var end int64
	n, _ := fmt.Sscanf(h.Get("Content-Range"), "bytes %d-%d/%d", &start, &end, &size)
	return start, size, n == 3
}
