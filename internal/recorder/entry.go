package recorder

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// entry is an exchange on record. It does not change, so that it is read without a lock.
// It has few pointers, as the garbage collector follows those of all entries again and
// again: texts are one, and what exchanges have in common is shared.
type entry struct {
	seq              uint64
	start            int64 // in nanoseconds since 1970
	first            time.Duration
	duration         time.Duration
	requestBytes     int64
	responseBytes    int64
	inFlight, status int32
	attempt, connSeq int32
	op               uint8

	stale, delayed, open, left, cut bool
	requestBodyCut, responseBodyCut bool
	named                           bool // subject and scopes are those of the credentials

	text    string // all of textsOf
	lengths [texts]uint32

	peer     *peer
	asked    *header
	answered *header // nil until there is an answer
	rest     *rest   // nil for most
	size     int64   // bytes, without the headers
}

// peer is the client's end of a connection.
type peer struct {
	conn   uint64
	remote string
	tls    *record.TLS
	epoch  int64 // of the recorder, in nanoseconds since 1970
	opened int64 // likewise; 0 if it is not known
}

// between returns the time between two moments, or 0 if the first is not known.
func between(from, to int64) time.Duration {
	if from == 0 {
		return 0
	}
	return time.Duration(to - from)
}

// rest is what most exchanges do not have.
type rest struct {
	tags, allow, scopes, faults, traits, served, codes []string
	requestBody, responseBody                          []byte
	upstreamError                                      string
}

const texts = 14

// textsOf returns the texts of an exchange that others do not share.
func textsOf(x *record.Exchange) [texts]*string {
	return [...]*string{
		&x.Method, &x.Target, &x.Proto, &x.Repo, &x.Alias, &x.Info.Tag, (*string)(&x.Info.Digest), (*string)(&x.Algorithm),
		&x.Info.Session, &x.From, &x.Info.Namespace, &x.Prefix, &x.Subject, (*string)(&x.Verified),
	}
}

// newEntry returns the entry of an exchange, which has neither headers nor what is known
// of the peer.
func newEntry(x *record.Exchange, p *peer, asked, answered *header) *entry {
	e := &entry{
		seq: x.Seq, start: x.Start.UnixNano(), first: x.First, duration: x.Duration,
		requestBytes: x.RequestBytes, responseBytes: x.ResponseBytes, inFlight: int32(x.InFlight), status: int32(x.Status),
		attempt: int32(x.Attempt), connSeq: int32(x.ConnSeq),
		op: uint8(x.Op), stale: x.StaleState, delayed: x.Delayed, open: x.Open, left: x.Left, cut: x.Cut,
		requestBodyCut: x.RequestBodyCut, responseBodyCut: x.ResponseBodyCut,
		peer: p, asked: asked, answered: answered,
	}
	if c := asked.client; x.Subject == c.Subject && slices.Equal(x.Scopes, c.Scopes) {
		e.named = true
		x.Subject, x.Scopes = "", nil
	}
	var all [texts]string
	for i, s := range textsOf(x) {
		all[i], e.lengths[i] = *s, uint32(len(*s))
	}
	e.text = strings.Join(all[:], "")
	if x.Status >= http.StatusBadRequest && len(x.ResponseBody) > 0 {
		x.Codes = jsonedit.ErrorCodes(x.ResponseBody)
	}
	if len(x.Tags)+len(x.Allow)+len(x.Scopes)+len(x.Faults)+len(x.Traits)+len(x.Served)+len(x.Codes)+len(x.RequestBody)+len(x.ResponseBody)+len(x.UpstreamError) > 0 {
		e.rest = &rest{x.Tags, x.Allow, x.Scopes, x.Faults, x.Traits, x.Served, x.Codes, x.RequestBody, x.ResponseBody, x.UpstreamError}
	}
	e.size = e.ownBytes()
	return e
}

// read returns a copy of the exchange.
func (e *entry) read() record.Exchange {
	x := record.Exchange{
		Seq: e.seq, Start: time.Unix(0, e.start), First: e.first, Duration: e.duration,
		RequestBytes: e.requestBytes, ResponseBytes: e.responseBytes, InFlight: int(e.inFlight), Status: int(e.status),
		Attempt: int(e.attempt), Elapsed: between(e.peer.epoch, e.start), ConnSeq: int(e.connSeq), ConnAge: between(e.peer.opened, e.start),
		Open: e.open, Left: e.left, Cut: e.cut, RequestBodyCut: e.requestBodyCut, ResponseBodyCut: e.responseBodyCut,
		Conn: e.peer.conn, Remote: e.peer.remote, TLS: copyOf(e.peer.tls),
		Scheme: e.asked.client.Scheme, ResponseHeader: e.answered.http(),
	}
	x.Op, x.StaleState, x.Delayed = op.Op(e.op), e.stale, e.delayed
	x.Host, x.Header, x.Secure = e.asked.host, e.asked.http(), x.TLS != nil
	rest := e.text
	for i, s := range textsOf(&x) {
		*s, rest = rest[:e.lengths[i]], rest[e.lengths[i]:]
	}
	if r := e.rest; r != nil {
		x.Tags, x.Allow, x.Scopes, x.Codes = slices.Clone(r.tags), slices.Clone(r.allow), slices.Clone(r.scopes), slices.Clone(r.codes)
		x.Faults, x.Traits, x.Served = slices.Clone(r.faults), slices.Clone(r.traits), slices.Clone(r.served)
		x.RequestBody, x.ResponseBody = append([]byte(nil), r.requestBody...), append([]byte(nil), r.responseBody...) // nil if empty
		x.UpstreamError = r.upstreamError
	}
	if e.named {
		x.Subject, x.Scopes = e.asked.client.Subject, slices.Clone(e.asked.client.Scopes)
	}
	return x
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// place is what a value takes in a ring, and what the heap rounds up, at most.
const place = 64

// ownBytes is what an entry takes without the headers. The peer counts as if it were not
// shared.
func (e *entry) ownBytes() int64 {
	n := place + int64(unsafe.Sizeof(*e)) + int64(len(e.text)) + e.peer.bytes()
	if r := e.rest; r != nil {
		n += int64(unsafe.Sizeof(*r)) + int64(cap(r.requestBody)+cap(r.responseBody)+len(r.upstreamError)) +
			textsSize(r.tags, r.allow, r.scopes, r.faults, r.served, r.codes)
	}
	return n
}

// bytes implements [sized].
func (e *entry) bytes() int64 { return e.size + e.asked.bytes() + e.answered.bytes() }

// hold implements [sized]. The recorder's mutex is held.
func (e *entry) hold() int64 { return e.size + e.asked.hold() + e.answered.hold() }

// release implements [sized]. The recorder's mutex is held.
func (e *entry) release() int64 { return e.size + e.asked.release() + e.answered.release() }

func (p *peer) bytes() int64 {
	return int64(unsafe.Sizeof(*p)) + int64(len(p.remote)) + tlsBytes(p.tls)
}

func tlsBytes(t *record.TLS) int64 {
	if t == nil {
		return 0
	}
	return int64(unsafe.Sizeof(*t)) + int64(len(t.Version)+len(t.ServerName)+len(t.Client))
}

func textsSize(lists ...[]string) (n int64) {
	for _, list := range lists {
		for _, s := range list {
			n += int64(unsafe.Sizeof(s)) + int64(len(s))
		}
	}
	return n
}
