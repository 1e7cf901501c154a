package effect

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// Multipart answers a request for several ranges with multipart/byteranges.
type Multipart struct {
	WrongBoundary bool `json:"wrongBoundary,omitempty" doc:"the boundary in Content-Type is not that of the body"`
}

// maxRanges is the maximum number of ranges of a request on which [Multipart] acts.
const maxRanges = 16

func (Multipart) Kind() string { return "multipart" }

func (Multipart) early() string { return actsOnRange }

func (Multipart) actsOn() filter.Ops { return filter.OpsOf(op.BlobGet, op.External) }

func (Multipart) prospect(_ *op.Info, r *http.Request) Prospect {
	if requestedRanges(r) == nil {
		return Never
	}
	return Perhaps
}

// requestedRanges returns the ranges of a request for at least two and at most maxRanges of
// them, and otherwise nil.
func requestedRanges(r *http.Request) []string {
	set, ok := rangeSet(r)
	ranges := strings.Split(set, ",")
	if !ok || len(ranges) < 2 || len(ranges) > maxRanges {
		return nil
	}
	return ranges
}

// serve asks the registry for one range after another.
func (e Multipart) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !x.shot.Claim() {
		next.ServeHTTP(w, r)
		return
	}
	defer x.shot.Release() // does nothing once it acted
	body := &multipartBody{to: w, effect: e, act: x.act}
	for _, set := range requestedRanges(r) {
		part := &rangePart{body: body, own: http.Header{}}
		next.ServeHTTP(part, withHeader(r, func(h http.Header) { h.Set("Range", "bytes="+strings.TrimSpace(set)) }))
	}
	if !body.begun {
		next.ServeHTTP(w, r)
		return
	}
	body.write("\r\n--" + rangeBoundary + "--\r\n")
}

// rangeBoundary separates the parts.
const rangeBoundary = "ocifake-3d6b6a416f9b"

// multipartBody is the answer. It begins with the first part.
type multipartBody struct {
	to     http.ResponseWriter
	effect Multipart
	act    func() bool
	begun  bool
}

func (b *multipartBody) write(text string) {
	_, _ = b.to.Write([]byte(text)) // the client has left
}

// begin sends the header of the answer, with most of that of the first part.
func (b *multipartBody) begin(first http.Header) {
	b.begun = true
	h := b.to.Header()
	for name, values := range first {
		h[name] = values
	}
	h.Del("Content-Range")
	h.Del(lengthHeader)
	boundary := rangeBoundary
	if b.effect.WrongBoundary {
		boundary = "another-" + boundary
	}
	h.Set(typeHeader, "multipart/byteranges; boundary="+boundary)
	b.to.WriteHeader(http.StatusPartialContent)
}

// rangePart is the answer to a request for one of the ranges. Its header is its own. If the
// range cannot be satisfied, it is no part of the answer.
type rangePart struct {
	body   *multipartBody
	own    http.Header
	status int
}

func (p *rangePart) Header() http.Header { return p.own }

func (p *rangePart) WriteHeader(status int) {
	if status < 200 || p.status != 0 {
		return
	}
	p.status = status
	if status != http.StatusPartialContent || !p.body.begun && !p.body.act() {
		p.status = http.StatusRequestedRangeNotSatisfiable
		return
	}
	if !p.body.begun {
		p.body.begin(p.own)
	}
	p.body.write(fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n", rangeBoundary, p.own.Get(typeHeader), p.own.Get("Content-Range")))
}

func (p *rangePart) Write(content []byte) (int, error) {
	if p.status == 0 {
		p.WriteHeader(http.StatusOK)
	}
	if p.status != http.StatusPartialContent {
		return len(content), nil
	}
	return p.body.to.Write(content)
}
