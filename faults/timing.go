package faults

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
)

// wait waits for a duration, or without end if it is 0, and reports whether the
// request is still wanted then: not if the client has left or the server closes.
func wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		<-ctx.Done()
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Delay waits before the request is served. With 0 it waits until the client leaves.
func Delay(d time.Duration) Effect { return delay{duration(d)} }

type delay struct {
	For duration `json:"for,omitempty" doc:"how long; 0: until the client leaves"`
}

func (delay) kind() string { return "delay" }

func (e delay) check() error { return notNegative(e.For) }

func (e delay) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !wait(r.Context(), time.Duration(e.For)) {
		panic(http.ErrAbortHandler)
	}
	next.ServeHTTP(w, r)
}

func (e delay) open(o *Opening) { o.Delay = time.Duration(e.For) }

func notNegative(d duration) error {
	if d < 0 {
		return errors.New("a duration is negative")
	}
	return nil
}

// DelayReply waits after the request was served, before the header of the answer is
// sent. With 0 it waits until the client leaves.
func DelayReply(d time.Duration) Effect { return delayReply{duration(d)} }

type delayReply struct {
	For duration `json:"for,omitempty" doc:"how long; 0: until the client leaves"`
}

func (delayReply) kind() string { return "delay-reply" }

func (e delayReply) check() error { return notNegative(e.For) }

func (e delayReply) serve(_ *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if !wait(r.Context(), time.Duration(e.For)) {
			panic(http.ErrAbortHandler)
		}
		return status
	}
	out.serve(r, next)
}

// Stall sends the header and n bytes of the body of the answer, waits with the
// connection open, and continues. With duration 0 it waits until the client leaves. With
// n 0 it waits after the header. An answer of at most n bytes, unless n is 0, is not
// affected.
func Stall(n int64, d time.Duration) Effect { return stall{After: n, For: duration(d)} }

type stall struct {
	After int64    `json:"after,omitempty" doc:"bytes of the body that pass first"`
	For   duration `json:"for,omitempty" doc:"how long; 0: until the client leaves"`
}

func (stall) kind() string { return "stall" }

func (e stall) check() error {
	if e.After < 0 {
		return errors.New("after: want 0 or more bytes")
	}
	return notNegative(e.For)
}

func (stall) actsOn() opset.Set { return answersWithBody() }

func (e stall) prospect(_ *op.Info, r *http.Request) prospect { return inBody(r) }

func (e stall) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	left, stalled := e.After, false
	out := &rewriter{ResponseWriter: w}
	out.body = func(p []byte) (int, error) {
		if !stalled && (int64(len(p)) > left || left == 0) && !x.act() {
			stalled = true
		}
		if stalled || int64(len(p)) <= left && left > 0 {
			n, err := w.Write(p)
			left -= int64(n)
			return n, err
		}
		sent, err := w.Write(p[:left])
		if err != nil {
			return sent, err
		}
		out.flush()
		stalled = true
		if !wait(r.Context(), time.Duration(e.For)) {
			panic(http.ErrAbortHandler)
		}
		n, err := w.Write(p[sent:])
		return sent + n, err
	}
	out.serve(r, next)
}

// Pace is an effect that transfers a body slowly: that of the answer, or, with
// [Pace.OfRequest], that of the request.
type Pace struct{ args paceArgs }

type paceArgs struct {
	Bytes   int64    `json:"bytes" doc:"bytes at a time, at least 1"`
	Every   duration `json:"every" doc:"pause between them, more than 0"`
	Request bool     `json:"request,omitempty" doc:"slows the request body"`
}

// Trickle transfers n bytes at a time, with pauses of d in between.
func Trickle(n int64, d time.Duration) Pace { return Pace{paceArgs{Bytes: n, Every: duration(d)}} }

// Bandwidth transfers a body at a number of bytes per second, in small portions.
func Bandwidth(bytesPerSecond int64) Pace {
	const portions = 20
	n := max(bytesPerSecond/portions, 1)
	every := time.Duration(0)
	if bytesPerSecond > 0 {
		every = time.Duration(n * int64(time.Second) / bytesPerSecond)
	}
	return Trickle(n, every)
}

// OfRequest reads the body of the request slowly instead.
func (e Pace) OfRequest() Pace {
	e.args.Request = true
	return e
}

func (Pace) kind() string { return "trickle" }

func (e Pace) check() error {
	if e.args.Bytes <= 0 || e.args.Every <= 0 {
		return errors.New("bytes and every must be more than 0")
	}
	return nil
}

func (e Pace) actsOn() opset.Set { return bodies(e.args.Request) }

func (e Pace) prospect(_ *op.Info, r *http.Request) prospect {
	if e.args.Request && r.ContentLength >= 0 && r.ContentLength <= e.args.Bytes {
		return never
	}
	if e.args.Request {
		return perhaps
	}
	return inBody(r)
}

func (e Pace) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if e.args.Request {
		next.ServeHTTP(w, withBody(r, &slowBody{ReadCloser: r.Body, ctx: r.Context(), pace: e.args, act: x.act}))
		return
	}
	first, over := true, false
	out := &rewriter{ResponseWriter: w}
	out.body = func(p []byte) (written int, err error) {
		for len(p) > written && err == nil {
			if over = over || !first && !x.act(); over {
				n, err := w.Write(p[written:])
				return written + n, err
			}
			if !first && !wait(r.Context(), time.Duration(e.args.Every)) {
				panic(http.ErrAbortHandler)
			}
			first = false
			var n int
			n, err = w.Write(p[written:min(int64(len(p)), int64(written)+e.args.Bytes)])
			written += n
			out.flush()
		}
		return written, err
	}
	out.serve(r, next)
}

// slowBody is a request's body that is read slowly.
type slowBody struct {
	io.ReadCloser
	ctx   context.Context
	pace  paceArgs
	act   func() bool
	over  bool // the rule was over before it could act
	begun bool
	left  int64 // of what may be read without a pause
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.over {
		return b.ReadCloser.Read(p)
	}
	room := b.left
	if room == 0 {
		room = b.pace.Bytes
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), room)])
	if n > 0 && b.left == 0 && b.begun && !b.over {
		b.over = !b.act()
	}
	if n > 0 && b.left == 0 && b.begun && !b.over && !wait(b.ctx, time.Duration(b.pace.Every)) {
		return 0, context.Cause(b.ctx)
	}
	if n > 0 {
		b.begun, b.left = true, room-int64(n)
	}
	return n, err
}
