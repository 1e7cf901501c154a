package recorder

import (
	"crypto/tls"
	"hash/maphash"
	"strings"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// The segments of an exchange, in order. What often is the same in another
// exchange is apart from what is not.
const (
	connSegment     = iota // see packPeer
	clientSegment          // see askedHeader, with most of the request's header
	targetSegment          // see packTarget
	requestSegment         // the rest of the request's header
	answerSegment          // most of the answer's header
	contentSegment         // the rest of the answer's header
	numbersSegment         // see packNumbers
	askedSegment           // body of the request
	answeredSegment        // body of the answer
	segments
)

// segment is a part of an entry. If its sum, which is a hash, is not 0, the same
// segment is looked for in the chunk.
type segment struct {
	b   []byte
	sum uint64
}

const minRepeated = 8 // bytes from which on a segment is looked for

// sumUp hashes a segment that may be the same in another entry.
func (s *segment) sumUp(seed maphash.Seed) {
	if s.sum == 0 && len(s.b) >= minRepeated {
		s.sum = max(maphash.Bytes(seed, s.b), 1)
	}
}

// entry is an exchange being encoded.
type entry struct {
	parts [segments]segment
	b     []byte // room
}

// pack sets the segments to what is known of a request now. They are valid until
// the next call. p.mu is held, or p is done.
func (e *entry) pack(p *pending) {
	*e = entry{b: e.b[:0]}
	e.parts[connSegment] = *p.peer
	e.parts[clientSegment], e.parts[requestSegment] = p.asked.same, p.asked.varying
	if h := p.answered; h != nil {
		e.parts[answerSegment], e.parts[contentSegment] = h.same, h.varying
	}
	b := p.packTarget(e.b)
	target := len(b)
	b = p.packNumbers(b)
	e.parts[targetSegment].b, e.parts[numbersSegment].b, e.b = b[:target], b[target:], b
	if p.bodies != nil && p.done {
		e.parts[askedSegment].b, e.parts[answeredSegment].b = p.bodies.asked.b, p.bodies.answered.b
	}
}

// packTarget packs what was asked for. Most of what was parsed stands in the target.
func (p *pending) packTarget(b []byte) []byte {
	b = packText(b, p.method)
	b = packText(b, p.target)
	mask := len(b)
	b = append(b, 0)
	i := p.info
	for bit, s := range [...]string{i.Repo, i.Tag, string(i.Digest), string(i.Algorithm), i.Session, i.From, i.Namespace, i.Prefix} {
		if s != "" {
			s = p.clean(s)
			b[mask] |= 1 << bit
			b = packPart(b, s, strings.Index(p.target, s))
		}
	}
	tags := i.Tags
	if p.unclean {
		tags = redact.Texts(tags)
	}
	b = packTexts(b, tags)
	return packTexts(b, i.Allow)
}

// clean returns what was parsed of the target, without the secrets of the target.
func (p *pending) clean(s string) string {
	if !p.unclean {
		return s
	}
	return redact.Text(s)
}

// flags are what is either so or not.
type flags byte

const (
	flagReused flags = 1 << iota
	flagStale
	flagOpen
	flagLeft
	flagCut
	flagAskedCut
	flagAnsweredCut
	flagNoted
)

func (f *flags) set(bit flags, on bool) {
	if on {
		*f |= bit
	}
}

// packNumbers packs what is known at the end only.
func (p *pending) packNumbers(b []byte) []byte {
	var f flags
	learned := p.learned()
	duration := p.duration
	if !p.done {
		duration = p.elapsed()
	}
	f.set(flagOpen, !p.done)
	f.set(flagReused, p.reused)
	f.set(flagStale, learned.StaleState)
	f.set(flagLeft, p.left.Load())
	f.set(flagCut, p.cut)
	if p.bodies != nil {
		f.set(flagAskedCut, p.bodies.asked.cut)
		f.set(flagAnsweredCut, p.bodies.answered.cut)
	}
	noted := len(learned.Faults) > 0 || learned.Subject != "" || len(learned.Scopes) > 0 || p.info.Alias != ""
	f.set(flagNoted, noted)
	b = append(b, byte(f), byte(p.info.Op))
	for _, n := range [...]uint64{
		p.seq, uint64(p.start), uint64(p.inFlight), uint64(p.sentStatus()), uint64(p.first), uint64(duration),
		uint64(p.received.Load()), uint64(p.sent.Load()),
	} {
		b = packUint(b, n)
	}
	at := -1
	if learned.Verified == "" || learned.Verified == p.info.Digest {
		at = 0
	}
	b = packPart(b, learned.Verified, at)
	if noted {
		b = packTexts(b, learned.Faults)
		b = packText(b, learned.Subject)
		b = packTexts(b, learned.Scopes)
		b = packText(b, p.clean(p.info.Alias))
	}
	return b
}

// learned is what the layers have learned until now. What the credentials say of
// the subject and the scopes is packed with the header.
func (p *pending) learned() op.Learned {
	learned := p.state.Learned()
	if p.info.Op != op.Token && p.asked.named {
		learned.Subject, learned.Scopes = "", nil
	}
	return learned
}

// packPeer packs who is at the other end of a connection.
func packPeer(b []byte, id uint64, remote string, t *record.TLS) []byte {
	b = packUint(b, id)
	b = packText(b, remote)
	if t != nil {
		b = packText(b, t.Version)
		b = packText(b, t.ServerName)
		b = packText(b, t.Client)
	}
	return b
}

// newTLS returns what is on record of the TLS of a connection.
func newTLS(state *tls.ConnectionState) *record.TLS {
	if state == nil {
		return nil
	}
	t := &record.TLS{Version: tls.VersionName(state.Version), ServerName: state.ServerName}
	if len(state.PeerCertificates) > 0 {
		t.Client = state.PeerCertificates[0].Subject.String()
	}
	return t
}
