package effect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/filter"
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

// delays reports whether an effect changes when things happen, and nothing else.
func delays(b Behaviour) bool {
	switch b.(type) {
	case Delay, DelayReply, Stall, Pace:
		return true
	}
	return false
}

// Delay waits before the request is served.
type Delay struct {
	For Duration `json:"for,omitempty" doc:"how long; 0: until the client leaves"`
}

func (Delay) Kind() string { return "delay" }

func (Delay) early() string { return actsBefore + "use delay-reply" }

func (e Delay) check() error { return notNegative(e.For) }

func (e Delay) serve(_ *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !wait(r.Context(), time.Duration(e.For)) {
		panic(http.ErrAbortHandler)
	}
	next.ServeHTTP(w, r)
}

func (e Delay) open(o *Opening) { o.Delay = time.Duration(e.For) }

func notNegative(d Duration) error {
	if d < 0 {
		return errors.New("a duration is negative")
	}
	return nil
}

// DelayReply waits before the answer is sent.
type DelayReply struct {
	For Duration `json:"for,omitempty" doc:"how long; 0: until the client leaves"`
}

func (DelayReply) Kind() string { return "delay-reply" }

func (e DelayReply) check() error { return notNegative(e.For) }

func (e DelayReply) serve(_ *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if !wait(r.Context(), time.Duration(e.For)) {
			panic(http.ErrAbortHandler)
		}
		return status
	}
	out.serve(r, next)
}

// Stall waits in the body of the answer.
type Stall struct {
	After int64    `json:"after,omitempty" doc:"bytes of the body that pass first"`
	For   Duration `json:"for,omitempty" doc:"how long; 0: until the client leaves"`
}

func (Stall) Kind() string { return "stall" }

func (e Stall) check() error {
	if e.After < 0 {
		return errors.New("after: want 0 or more bytes")
	}
	return notNegative(e.For)
}

func (Stall) actsOn() filter.Ops { return answersWithBody() }

func (e Stall) prospect(_ *op.Info, r *http.Request) Prospect { return inBody(r) }

func (e Stall) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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

// Pace transfers a body slowly.
type Pace struct {
	Bytes   int64    `json:"bytes" doc:"bytes at a time, at least 1"`
	Every   Duration `json:"every" doc:"pause between them, more than 0"`
	Request bool     `json:"request,omitempty" doc:"slows the request body"`
}

func (Pace) Kind() string { return "trickle" }

func (e Pace) early() string {
	if e.Request {
		return actsOnBody
	}
	return ""
}

func (e Pace) check() error {
	if e.Bytes <= 0 || e.Every <= 0 {
		return errors.New("bytes and every must be more than 0")
	}
	return nil
}

func (e Pace) actsOn() filter.Ops { return bodies(e.Request) }

func (e Pace) prospect(_ *op.Info, r *http.Request) Prospect {
	if e.Request && r.ContentLength >= 0 && r.ContentLength <= e.Bytes {
		return Never
	}
	if e.Request {
		return Perhaps
	}
	return inBody(r)
}

func (e Pace) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if e.Request {
		next.ServeHTTP(w, withBody(r, &slowBody{ReadCloser: r.Body, ctx: r.Context(), pace: e, act: x.act}))
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
			if !first && !wait(r.Context(), time.Duration(e.Every)) {
				panic(http.ErrAbortHandler)
			}
			first = false
			var n int
			n, err = w.Write(p[written:min(int64(len(p)), int64(written)+e.Bytes)])
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
	pace  Pace
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
