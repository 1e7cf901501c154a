package recorder

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// pending is a request in flight.
type pending struct {
	recorder   *Recorder
	prev, next *pending      // in the ring
	seq        uint64        // this and the next five are set when it enters the ring
	start      time.Duration // since the recorder's epoch
	inFlight   int
	attempt    int
	connSeq    int
	peer       *peer

	request *http.Request
	state   *inflight.State
	info    *op.Info // of the state
	conn    *Accepted
	target  string // without secrets
	proto   string
	unclean bool    // what was parsed of the target may have secrets in it
	asked   *header // copied at once: handlers may change the request's
	before  int64   // bytes that the connection had sent; -1 if that tells nothing of this request

	out      http.ResponseWriter
	body     *requestBody // nil if there is none
	received atomic.Int64 // bytes of the bodies
	sent     atomic.Int64
	left     atomic.Bool // the client went away
	expired  atomic.Bool // the handler's deadline for reading has passed

	// Of the handler's goroutine.
	returned bool // the handler did not panic
	hijacked bool
	keepBody bool // of the answer
	lost     bool // the answer is one to nobody
	duplex   bool // the body may be read after the answer has begun
	cut      bool // known when done

	mu       sync.Mutex // guards what follows; only the handler's goroutine writes it
	status   int
	answered *header // nil until it is sent
	first    time.Duration
	bodies   *bodies
	done     *entry // nil until the end
}

// bodies are what is kept of them.
type bodies struct{ asked, answered kept }

type kept struct {
	b   []byte
	cut bool // there was more
}

func (k *kept) add(p []byte, limit int) {
	room := limit - len(k.b)
	if len(p) > room {
		p, k.cut = p[:room], true
	}
	k.b = append(k.b, p...)
}

// keep calls a function to add to the bodies.
func (p *pending) keep(add func(b *bodies, limit int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil {
		return
	}
	if p.bodies == nil {
		p.bodies = new(bodies)
	}
	add(p.bodies, p.recorder.options.MaxBody)
}

// begin records that a request has come, and returns what is to be served.
func (r *Recorder) begin(w http.ResponseWriter, request *http.Request) (*pending, *http.Request) {
	served, state := inflight.Begin(request)
	p := &pending{
		recorder: r,
		request:  served,
		state:    state,
		info:     state.Info(),
		conn:     acceptedOf(served.Context()),
		before:   -1,
		out:      w,
		target:   served.RequestURI,
		proto:    served.Proto,
		asked:    r.askedHeader(served),
	}
	if p.target == "" { // it was not a server that made the request
		p.target = served.URL.RequestURI()
	}
	if !r.options.KeepSecrets {
		clean := r.options.Redactor.Text(p.target)
		p.target, p.unclean = clean, clean != p.target
	}
	if served.Body != nil && served.Body != http.NoBody {
		if served == request {
			served = request.WithContext(request.Context()) // that of others stays as it is
			p.request = served
		}
		p.body = &requestBody{pending: p, body: served.Body}
		served.Body = p.body
	}
	if p.conn != nil && served.ProtoMajor == 1 && !p.asked.expects {
		_, p.before = p.conn.bytes()
	}
	r.enter(p)
	return p, served
}

// enter puts a request into the ring of those in flight.
func (r *Recorder) enter(p *pending) {
	if p.conn == nil {
		p.peer = &peer{remote: p.request.RemoteAddr, tls: newTLS(p.request.TLS), epoch: r.wall.UnixNano()}
	}
	same := r.sameness(p.request, p.info)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	r.serving++
	p.seq, p.inFlight = r.seq, r.serving
	if c := p.conn; c != nil {
		c.requests++
		p.peer, p.connSeq = c.peer, c.requests
	}
	p.attempt = r.attempt(same)
	p.prev, p.next = r.live.prev, &r.live
	p.prev.next, p.next.prev = p, p
	p.start = time.Since(r.epoch)
	p.state.SetArrival(p.arrival())
	r.signal()
}

// arrival is what is known when the request has come.
func (p *pending) arrival() inflight.Arrival {
	a := inflight.Arrival{Seq: p.seq, Conn: p.peer.conn, Attempt: p.attempt, ConnSeq: p.connSeq, Elapsed: p.start}
	if p.conn != nil {
		a.ConnAge = p.start - p.conn.opened.Sub(p.recorder.epoch)
	}
	return a
}

// answer records the header of the answer, which is being sent.
func (p *pending) answer(status int) {
	p.mu.Lock()
	sent := p.done == nil && !p.hijacked
	if sent {
		p.begun(status)
	}
	p.mu.Unlock()
	if sent {
		p.recorder.notify()
	}
}

func (p *pending) begun(status int) {
	p.watch()
	p.status = status
	if p.lost = status >= http.StatusInternalServerError && p.left.Load(); p.lost {
		return // the handler fails because the client has left
	}
	p.first = p.elapsed()
	p.answered = p.recorder.answeredHeader(p.out.Header())
	p.keepBody = p.info.Method != http.MethodHead && keepsAnswer(p.info.Op, status)
}

// watch notes whether the client has left: then the context is cancelled. It also
// is when reading has taken too long, and in HTTP/2 when all was sent.
func (p *pending) watch() {
	complete := p.info.Method == http.MethodHead && p.status != 0
	if p.request.Context().Err() == context.Canceled && !complete && !p.expired.Load() {
		p.gone()
	}
}

// gone notes that the connection is lost, or the stream reset.
func (p *pending) gone() {
	if p.conn == nil || !p.conn.severed.Load() {
		p.left.Store(true)
	}
}

// end records that the handler has returned, or panics.
func (p *pending) end() {
	if p.body != nil && p.returned && !p.hijacked {
		p.body.drain()
	}
	p.finish()
	p.leave()
	p.log()
}

// leave takes a request that has ended out of the ring, and keeps it.
func (p *pending) leave() {
	r := p.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	p.prev.next, p.next.prev = p.next, p.prev
	r.serving--
	if p.seq > r.cleared {
		r.ended.add(p.done)
	}
	r.signal()
}

// now returns what is known of a request now.
func (p *pending) now() *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil {
		return p.done
	}
	return p.entry(true)
}

// entry returns the entry of a request, which has bodies if that is done. p.mu is held.
func (p *pending) entry(open bool) *entry {
	x := record.Exchange{
		Seq: p.seq, Start: p.recorder.wall.Add(p.start), First: p.first, Duration: p.elapsed(), InFlight: p.inFlight, Attempt: p.attempt, ConnSeq: p.connSeq,
		RequestBytes: p.received.Load(), ResponseBytes: p.sent.Load(), Status: p.sentStatus(), Open: open, Left: p.left.Load(), Cut: p.cut,
	}
	x.Info, x.Target, x.Proto = *p.info, p.target, p.proto
	if p.unclean {
		r := p.recorder.options.Redactor
		for _, s := range textsOf(&x) {
			if s != &x.Target { // it is clean
				*s = r.DecodedText(*s)
			}
		}
		x.Tags = r.DecodedTexts(x.Tags)
	}
	x.Learned = p.state.Learned()
	if len(x.Served) > 0 && !p.recorder.options.KeepSecrets {
		x.Served = redactChanges(p.recorder.options.Redactor, x.Served)
	}
	if x.UpstreamError != "" && !p.recorder.options.KeepSecrets {
		x.UpstreamError = p.recorder.options.Redactor.Text(x.UpstreamError)
	}
	if named := p.asked.client; p.info.Op != op.Token && (named.Subject != "" || len(named.Scopes) > 0) || x.Subject == "" && len(x.Scopes) == 0 {
		x.Subject, x.Scopes = named.Subject, named.Scopes
	}
	if b := p.bodies; b != nil {
		x.RequestBodyCut, x.ResponseBodyCut = b.asked.cut, b.answered.cut
		if !open {
			x.RequestBody, x.ResponseBody = b.asked.b, b.answered.b
		}
	}
	return newEntry(&x, p.peer, p.asked, p.answered)
}

// redactChanges returns changes of requests without the secrets in the fields that they set:
// "with Authorization: Bearer [redacted:token:0123456789abcdef]".
func redactChanges(r redact.Redactor, changes []string) []string {
	clean := make([]string, len(changes))
	for i, change := range changes {
		clean[i] = r.Text(change)
		if field, value, ok := strings.Cut(change, ": "); ok {
			clean[i] = field + ": " + r.Field(strings.TrimPrefix(field, "with "), value)
		}
	}
	return clean
}

// finish notes what is known at the end.
func (p *pending) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.hijacked:
	case !p.returned:
		p.unsend()
	case p.status == 0:
		p.begun(http.StatusOK)
	}
	if p.cut = !p.returned || p.incomplete(); p.cut {
		p.watch()
	}
	if p.bodies != nil && !p.recorder.options.KeepSecrets {
		p.bodies.redact(p.recorder.options.Redactor, p.info.Op, p.status)
	}
	p.done = p.entry(false)
}

// unsend corrects what is known of an answer that a panic ended: what net/http
// had still in its buffers is lost.
func (p *pending) unsend() {
	if p.before < 0 {
		return
	}
	_, out := p.conn.bytes()
	out -= p.before
	if out == 0 {
		p.status, p.first, p.answered = 0, 0, nil
	}
	if out < p.sent.Load() {
		p.sent.Store(out)
		if p.bodies != nil {
			p.bodies.answered = kept{}
		}
	}
}

// incomplete reports whether less was sent than the header promised.
func (p *pending) incomplete() bool {
	return p.answered != nil && p.answered.length > p.sent.Load() && p.info.Method != http.MethodHead &&
		p.status != http.StatusNotModified && p.status != http.StatusNoContent
}

// sentStatus returns the status of the answer, or 0 if there is none.
func (p *pending) sentStatus() int {
	if p.lost {
		return 0
	}
	return p.status
}

// elapsed returns the time since the start.
func (p *pending) elapsed() time.Duration { return time.Since(p.recorder.epoch) - p.start }

// log writes a line on the request.
func (p *pending) log() {
	log, ctx := p.recorder.options.Log, p.request.Context()
	if log == nil || !log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	message := "request"
	if !p.returned {
		message = "request aborted"
	}
	log.LogAttrs(ctx, slog.LevelDebug, message,
		slog.Any("op", p.info.Op),
		slog.String("method", p.info.Method),
		slog.String("target", p.target),
		slog.String("proto", p.proto),
		slog.Int("status", p.sentStatus()),
		slog.Int64("bytes", p.sent.Load()),
		slog.Duration("duration", p.done.duration),
	)
}
