package recorder

import (
	"github.com/ocifake/ocifake/internal/redact"
	"hash/maphash"
	"net/http"
	"strconv"
	"sync/atomic"
)

const (
	maxCachedHeader = 4 << 10 // bytes of a header that is remembered
	cachedHeaders   = 256
)

// packedHeader is a header as it is kept, and what else is wanted of it. It is not
// changed.
type packedHeader struct {
	sum           uint64 // of what was packed, see headerSum
	same, varying segment
	length        int64 // Content-Length, or -1
	expects       bool  // 100 Continue
	named         bool  // the credentials say who the client is
}

// headerCache remembers headers that came twice, since those of a client, and
// those of its answers, are often the same. The later displace the earlier.
type headerCache struct {
	seen  [cachedHeaders]atomic.Uint64
	known [cachedHeaders]atomic.Pointer[packedHeader]
}

func (c *headerCache) get(sum uint64) *packedHeader {
	if h := c.known[sum%cachedHeaders].Load(); h != nil && h.sum == sum {
		return h
	}
	return nil
}

func (c *headerCache) put(h *packedHeader) {
	i := h.sum % cachedHeaders
	if c.seen[i].Swap(h.sum) == h.sum && len(h.same.b)+len(h.varying.b) <= maxCachedHeader {
		c.known[i].Store(h)
	}
}

// askedHeader packs what a request says of its client, and its header.
func (r *Recorder) askedHeader(request *http.Request) *packedHeader {
	sum := mix(mix(r.headerSum(request.Header), r.sum(request.Host)), r.sum(request.Proto))
	for _, coding := range request.TransferEncoding {
		sum = mix(sum, r.sum(coding))
	}
	if known := r.headers.get(sum); known != nil {
		return known
	}
	var header sentHeader
	header.read(request.Header)
	if len(request.TransferEncoding) > 0 { // net/http took it out
		header.add("Transfer-Encoding", request.TransferEncoding)
	}
	who := redact.Identify(header.get(fieldAuthorization))
	b := packText(nil, request.Proto)
	b = packText(b, r.options.field("Host", request.Host))
	b = packText(b, who.Scheme)
	b = packText(b, who.Subject)
	b = packTexts(b, who.Scopes)
	return r.packHeader(sum, b, &header, who.Subject != "" || len(who.Scopes) > 0)
}

// answeredHeader packs the header of an answer.
func (r *Recorder) answeredHeader(h http.Header) *packedHeader {
	sum := r.headerSum(h)
	if known := r.headers.get(sum); known != nil {
		return known
	}
	var header sentHeader
	header.read(h)
	return r.packHeader(sum, nil, &header, false)
}

// packHeader packs a header after what goes before it.
func (r *Recorder) packHeader(sum uint64, b []byte, header *sentHeader, named bool) *packedHeader {
	h := &packedHeader{sum: sum, expects: header.get(fieldExpect) != "", named: named}
	var err error
	if h.length, err = strconv.ParseInt(header.get(fieldContentLength), 10, 64); err != nil {
		h.length = -1
	}
	h.same.b = r.options.packHeader(b, header)
	h.varying.b = r.options.packVarying(nil, header)
	h.same.sumUp(r.seed)
	h.varying.sumUp(r.seed)
	r.headers.put(h)
	return h
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
