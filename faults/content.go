package faults

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Corrupt flips the bits of one byte of the content, at an offset; a negative one
// counts from the end. In an answer to a range the byte is that of the whole
// content, so that resuming does not help.
func Corrupt(offset int64) Effect { return corrupt{Offset: offset} }

type corrupt struct {
	Offset int64 `json:"offset"`
}

func (corrupt) kind() string { return "corrupt" }

func (e corrupt) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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
		if here := at; here >= 0 && here < int64(len(p)) {
			changed := []byte(string(p))
			changed[here] ^= 0xff
			p = changed
		}
		at -= int64(len(p))
		return w.Write(p)
	}
	out.serve(r, next)
}

// Zeros sends as many zero bytes as the content has.
func Zeros() Effect { return zeros{} }

type zeros struct{}

func (zeros) kind() string { return "zeros" }

func (zeros) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	block := make([]byte, 32<<10)
	out := &rewriter{ResponseWriter: w}
	out.body = func(p []byte) (written int, err error) {
		for written < len(p) && err == nil {
			var n int
			n, err = w.Write(block[:min(len(block), len(p)-written)])
			written += n
		}
		return written, err
	}
	out.serve(r, next)
}

// ContentOf sends the content of another blob, or manifest, of the repository,
// under the digest that was asked for. If there is none, nothing changes.
func ContentOf(d digest.Digest) Effect { return contentOf{d} }

type contentOf struct {
	Digest digest.Digest `json:"digest"`
}

func (contentOf) kind() string { return "content-of" }

func (contentOf) needs() need { return needStore }

func (e contentOf) check() error {
	if err := e.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", e.Digest, err)
	}
	return nil
}

func (e contentOf) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.contentOf = e.Digest })
	next.ServeHTTP(w, r)
}

// Gzip compresses the content and says so in Content-Encoding, whether the client
// accepts that or not, as proxies do. There is no Content-Length then.
func Gzip() Effect { return gzipped{} }

type gzipped struct{}

func (gzipped) kind() string { return "gzip" }

func (gzipped) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	var compressed *gzip.Writer
	out := &rewriter{ResponseWriter: w, unsized: true}
	out.header = func(status int) int {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
		return status
	}
	out.body = func(p []byte) (int, error) {
		if compressed == nil {
			compressed = gzip.NewWriter(w)
		}
		return compressed.Write(p)
	}
	out.serve(r, next)
	if compressed != nil {
		_ = compressed.Close() // the client has left
	}
}

// IgnoreRange answers a request for a part with the whole, 200.
func IgnoreRange() Effect { return ignoreRange{} }

type ignoreRange struct{}

func (ignoreRange) kind() string { return "ignore-range" }

func (ignoreRange) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(w, withHeader(r, func(h http.Header) { h.Del("Range") }))
}

// ShiftRange answers a request for a part with another part, that begins so many
// bytes later. Content-Range says which; with claim, it says what was asked for.
func ShiftRange(by int64, claim bool) Effect { return shiftRange{by, claim} }

type shiftRange struct {
	By    int64 `json:"by"`
	Claim bool  `json:"claim,omitempty"`
}

func (shiftRange) kind() string { return "shift-range" }

func (e shiftRange) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	first, last, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
	start, err := strconv.ParseInt(first, 10, 64)
	if !ok || err != nil || start+e.By < 0 {
		next.ServeHTTP(w, r)
		return
	}
	shifted := fmt.Sprintf("bytes=%d-", start+e.By)
	if end, err := strconv.ParseInt(last, 10, 64); err == nil {
		shifted += strconv.FormatInt(max(end+e.By, start+e.By), 10)
	}
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		from, whole, ok := contentRange(w.Header())
		length, known := contentLength(w.Header())
		if e.Claim && ok && known {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from-e.By, from-e.By+length-1, whole))
		}
		return status
	}
	out.serve(withHeader(r, func(h http.Header) { h.Set("Range", shifted) }), next)
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
