package recorder

import (
	"hash/maphash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/ocifake/ocifake/internal/redact"
)

// header is a header on record, and what else the recorder needs of it. Exchanges share it.
// Only refs changes.
type header struct {
	sum    uint64 // see headerSum
	fields []headerField
	values []string // of all fields, in their order
	size   int64    // bytes

	// Of a request.
	host    string
	client  redact.Identity
	expects bool // 100 Continue

	length int64 // Content-Length, or -1

	refs int // entries in the ring; guarded by the recorder's mutex
}

type headerField struct {
	name  string
	count int // of values
}

// http returns a copy.
func (h *header) http() http.Header {
	if h == nil || len(h.fields) == 0 {
		return nil
	}
	copied := make(http.Header, len(h.fields))
	values := slices.Clone(h.values)
	for _, f := range h.fields {
		copied[f.name] = values[:f.count:f.count]
		values = values[f.count:]
	}
	return copied
}

const (
	cachedHeaders   = 128
	maxCachedHeader = 4 << 10 // bytes
)

// headerCache has headers that came lately: those of a client, and those of its answers,
// are often the same. A header has two places, so that two that alternate and have one
// place in common stay both.
type headerCache [cachedHeaders]atomic.Pointer[header]

// places returns the places of a header, which differ.
func (c *headerCache) places(sum uint64) (first, second *atomic.Pointer[header]) {
	at := sum % cachedHeaders
	apart := 1 + sum/cachedHeaders%(cachedHeaders-1)
	return &c[at], &c[(at+apart)%cachedHeaders]
}

func (c *headerCache) get(sum uint64) *header {
	first, second := c.places(sum)
	for _, place := range [...]*atomic.Pointer[header]{first, second} {
		if h := place.Load(); h != nil && h.sum == sum {
			return h
		}
	}
	return nil
}

// put puts a header in its first place. The header that was there moves to its own second
// place, or is lost if that is this one.
func (c *headerCache) put(h *header) {
	if h.size > maxCachedHeader {
		return
	}
	first, _ := c.places(h.sum)
	old := first.Swap(h)
	if old == nil || old.sum == h.sum {
		return
	}
	oldFirst, oldSecond := c.places(old.sum)
	if first == oldFirst {
		oldSecond.Store(old)
	}
}

// askedHeader returns the header of a request.
func (r *Recorder) askedHeader(request *http.Request) *header {
	sum := mix(r.headerSum(request.Header), r.sum(request.Host))
	for _, coding := range request.TransferEncoding {
		sum = mix(sum, r.sum(coding))
	}
	if h := r.headers.get(sum); h != nil {
		return h
	}
	all := request.Header
	if len(request.TransferEncoding) > 0 { // net/http took it out
		all = all.Clone()
		all["Transfer-Encoding"] = request.TransferEncoding
	}
	h := r.newHeader(sum, all)
	h.host = strings.Clone(r.options.field("Host", request.Host))
	h.client = redact.Identify(request.Header.Get("Authorization"))
	h.expects = request.Header.Get("Expect") != ""
	h.size += int64(len(h.host)+len(h.client.Subject)) + textsSize(h.client.Scopes)
	r.headers.put(h)
	return h
}

// answeredHeader returns the header of an answer.
func (r *Recorder) answeredHeader(all http.Header) *header {
	sum := r.headerSum(all)
	if h := r.headers.get(sum); h != nil {
		return h
	}
	h := r.newHeader(sum, all)
	r.headers.put(h)
	return h
}

// newHeader copies a header without its secrets, and without fields that have no value.
func (r *Recorder) newHeader(sum uint64, all http.Header) *header {
	h := &header{sum: sum, length: -1, fields: make([]headerField, 0, len(all)), values: make([]string, 0, len(all))}
	for name, values := range all {
		if len(values) == 0 {
			continue
		}
		h.fields = append(h.fields, headerField{name, len(values)})
		for _, value := range values {
			h.values = append(h.values, r.options.field(name, value))
		}
	}
	if n, err := strconv.ParseInt(all.Get("Content-Length"), 10, 64); err == nil {
		h.length = n
	}
	h.compact()
	return h
}

// compact makes the values of a header one text, so that none keeps a larger one in
// memory, and sets the size.
func (h *header) compact() {
	length, names := 0, 0
	for _, f := range h.fields {
		names += len(f.name)
	}
	for _, value := range h.values {
		length += len(value)
	}
	var text strings.Builder
	text.Grow(length)
	for _, value := range h.values {
		text.WriteString(value)
	}
	rest := text.String()
	for i, value := range h.values {
		h.values[i], rest = rest[:len(value)], rest[len(value):]
	}
	h.size = int64(unsafe.Sizeof(*h)) + int64(cap(h.fields))*int64(unsafe.Sizeof(headerField{})) +
		int64(cap(h.values))*int64(unsafe.Sizeof("")) + int64(names+text.Cap())
}

// field returns a value of a header field as it is kept.
func (o *Options) field(name, value string) string {
	if o.KeepSecrets {
		return value
	}
	return o.Redactor.Field(name, value)
}

func (h *header) bytes() int64 {
	if h == nil {
		return 0
	}
	return h.size
}

// hold notes that one more entry in the ring shares the header, and returns the bytes
// that it takes if that is the first.
func (h *header) hold() int64 {
	if h == nil {
		return 0
	}
	h.refs++
	if h.refs > 1 {
		return 0
	}
	return h.size
}

// release undoes hold, and returns the bytes that are free if that was the last.
func (h *header) release() int64 {
	if h == nil {
		return 0
	}
	h.refs--
	if h.refs > 0 {
		return 0
	}
	return h.size
}

// headerSum is the hash of a header, whatever its order.
func (r *Recorder) headerSum(h http.Header) (sum uint64) {
	for name, values := range h {
		field := r.sum(name)
		for _, value := range values {
			field = mix(field, r.sum(value))
		}
		sum += mix(field, uint64(len(values)))
	}
	return sum
}

func (r *Recorder) sum(s string) uint64 { return maphash.String(r.seed, s) }

// mix returns a hash of two hashes.
func mix(a, b uint64) uint64 {
	a = (a ^ a>>32) * 0x9e3779b97f4a7c15
	return a ^ a>>29 + b
}
