package faults

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
)

// Cuts end a connection or a stream before its time. They count the bytes of a
// body: of the answer's, or with [Cut.OfRequest] of the request's.
//
// After 0 bytes of the answer is before anything of it: the registry does not see
// the request. An answer that is not longer than that goes through as it is.

// Cut is an effect that ends a connection or a stream in the middle of a body. The
// methods return changed copies.
type Cut struct {
	how  cutKind
	args cutArgs
}

type cutArgs struct {
	After   int64  `json:"after,omitempty" doc:"bytes of the body that pass first"`
	Request bool   `json:"request,omitempty" doc:"counts the bytes of the request body"`
	Code    uint32 `json:"code,omitempty" doc:"HTTP/2 error code (RFC 9113, section 7)"`
}

type cutKind struct {
	name  string
	needs need
	// strike ends it. What follows is a panic with http.ErrAbortHandler.
	strike func(c Conn, a cutArgs)
}

// hasCode reports whether it sends an error code of HTTP/2.
func (k cutKind) hasCode() bool { return k.name == "goaway" || k.name == "reset-stream" }

var (
	closing  = cutKind{"close", 0, func(Conn, cutArgs) {}}
	reset    = cutKind{"reset", needConn, func(c Conn, _ cutArgs) { _ = c.Abort() }} // it may be closed already
	goAway   = cutKind{"goaway", needConn, func(c Conn, a cutArgs) { c.GoAway(a.Code, a.After > 0 && !a.Request) }}
	resetOne = cutKind{"reset-stream", needConn, func(c Conn, a cutArgs) { c.ResetWith(a.Code) }}
)

// Close closes the connection in an orderly way after n bytes of the body of the answer.
// With n 0 the registry does not see the request, and the client sees EOF instead of an
// answer; otherwise it sees an unexpected EOF. In HTTP/2 the stream is reset with
// INTERNAL_ERROR. An answer of at most n bytes, unless n is 0, is not affected.
func Close(n int64) Cut { return Cut{closing, cutArgs{After: n}} }

// Reset is [Close] with a reset of the connection (TCP RST). In HTTP/2 this ends all
// streams of the connection. In memory the next read or write of the client fails with
// ECONNRESET.
func Reset(n int64) Cut { return Cut{reset, cutArgs{After: n}} }

// ResetStream is [Close] for a single HTTP/2 stream, which is reset with NO_ERROR or the
// code of [Cut.Code]. In HTTP/1.1 it is Close.
func ResetStream(n int64) Cut { return Cut{resetOne, cutArgs{After: n}} }

// GoAway abandons the stream after n bytes of the body of the answer, and sends a GOAWAY
// frame (RFC 9113, 6.8), as a proxy does when it stops. The frame names the last stream
// that is processed; later streams are not answered. By default its error code is
// NO_ERROR, and the connection ends when the earlier streams have ended. With another
// code, see [Cut.Code], the connection ends at once. With n 0, or after bytes of the
// request, the stream was not processed: it is reset with REFUSED_STREAM, and clients
// may send the request again. In HTTP/1.1 it is [Close].
func GoAway(n int64) Cut { return Cut{goAway, cutArgs{After: n}} }

// Code sets the HTTP/2 error code of [ResetStream] and [GoAway] (RFC 9113, 7), such as 2
// for INTERNAL_ERROR or 7 for REFUSED_STREAM.
func (c Cut) Code(code uint32) Cut {
	c.args.Code = code
	return c
}

// OfRequest counts the bytes of the body of the request instead. A request with at most
// that many bytes is not affected.
func (c Cut) OfRequest() Cut {
	c.args.Request = true
	return c
}

// maxTurnedAway is how much is held of a request that is turned away, in bytes.
const maxTurnedAway = 64 << 20

func (c Cut) kind() string { return c.how.name }

func (c Cut) needs() need { return c.how.needs }

// ends reports whether nothing of the answer gets through. A request without a body is
// not cut in it.
func (c Cut) ends() bool { return c.args.After == 0 && !c.args.Request }

func (c Cut) actsOn() opset.Set {
	if c.ends() {
		return ^opset.Set(0)
	}
	return bodies(c.args.Request)
}

func (c Cut) prospect(_ *op.Info, r *http.Request) prospect {
	switch {
	case c.args.Request && r.ContentLength >= 0 && r.ContentLength <= c.args.After, !c.ends() && !c.args.Request && r.Method == http.MethodHead:
		return never
	case c.args.After == 0:
		return surely
	}
	return perhaps
}

func (c Cut) check() error {
	if c.args.After < 0 {
		return fmt.Errorf("after %d bytes: want 0 or more", c.args.After)
	}
	if c.how.name == goAway.name && c.args.Request && c.args.After > maxTurnedAway {
		return fmt.Errorf("after %d bytes of the request: want %d at most", c.args.After, maxTurnedAway)
	}
	if c.args.Code != 0 && !c.how.hasCode() {
		return errors.New("it has no code: use goaway or reset-stream")
	}
	return nil
}

func (c Cut) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch {
	case c.args.After == 0:
		c.strike(x)
	case c.args.Request:
		c.cutRequest(x, w, r, next)
	default:
		c.cutAnswer(x, w, r, next)
	}
}

func (c Cut) strike(x *exchange) {
	c.how.strike(x.conn, c.args)
	panic(http.ErrAbortHandler)
}

func (c Cut) cutAnswer(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	left, over := c.args.After, false
	out := &rewriter{ResponseWriter: w}
	out.body = func(p []byte) (int, error) {
		over = over || int64(len(p)) > left && !x.act()
		if over || int64(len(p)) <= left {
			n, err := w.Write(p)
			left -= int64(n)
			return n, err
		}
		if _, err := w.Write(p[:left]); err == nil {
			out.flush()
		}
		c.strike(x)
		return 0, nil // never
	}
	out.serve(r, next)
}

// cutRequest strikes while the body is read, perhaps in the middle of a change to
// the Store, which must be left in order: so reading fails, and nothing that is
// said of it reaches the client.
func (c Cut) cutRequest(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if c.how.name == goAway.name {
		next.ServeHTTP(w, c.turnAway(x, r))
		return
	}
	body := &cutBody{peeker: peekable(r.Body), left: c.args.After, act: x.act, strike: func() { c.how.strike(x.conn, c.args) }}
	r = withBody(r, body)
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if body.struck {
			panic(http.ErrAbortHandler)
		}
		return status
	}
	out.serve(r, next)
}

// turnAway strikes before the registry has seen anything of the request, as GOAWAY
// says of it: clients send it again. If the body is not longer than that, it returns
// the request with what was read of it.
func (c Cut) turnAway(x *exchange, r *http.Request) *http.Request {
	var read bytes.Buffer
	body := peekable(r.Body)
	if _, err := io.CopyN(&read, body, c.args.After); err == nil && body.Peek() == nil && x.act() {
		c.strike(x)
	}
	// Reading on, the registry meets the end, or the error, once more.
	return withBody(r, readCloser{io.MultiReader(&read, body), body})
}

type readCloser struct {
	io.Reader
	io.Closer
}

// cutBody is a request's body that ends too early.
type cutBody struct {
	peeker
	left   int64
	struck bool
	over   bool // the rule was over before it could act
	act    func() bool
	strike func()
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.struck {
		return 0, io.ErrUnexpectedEOF
	}
	if b.over {
		return b.peeker.Read(p)
	}
	if b.left == 0 {
		if err := b.Peek(); err != nil {
			return 0, err
		}
		if b.over = !b.act(); b.over {
			return b.peeker.Read(p)
		}
		b.struck = true
		b.strike()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.peeker.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// peeker is a body that reports whether it goes on.
type peeker interface {
	io.ReadCloser
	Peek() error // waits for the next byte, which stays; the error is that of Read
}

// peekable returns the body of a request as a peeker, as that of the recorder is, which
// does not count the byte.
func peekable(body io.ReadCloser) peeker {
	if p, ok := body.(peeker); ok {
		return p
	}
	return peekedBody{bufio.NewReader(body), body}
}

type peekedBody struct {
	*bufio.Reader
	io.Closer
}

func (b peekedBody) Peek() error {
	_, err := b.Reader.Peek(1)
	return err
}

func withBody(r *http.Request, body io.ReadCloser) *http.Request {
	r = r.WithContext(r.Context()) // that of others stays as it is
	r.Body = body
	return r
}

// LoseReply serves the request, and closes the connection instead of an answer. In
// HTTP/2 the stream is reset with INTERNAL_ERROR.
func LoseReply() Effect { return loseReply{} }

type loseReply struct{}

func (loseReply) kind() string { return "lose-reply" }

func (loseReply) serve(_ *exchange, _ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(nowhere{http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

// Truncate sends n bytes of the body of the answer, with a matching Content-Length: a
// client that does not verify it believes that the answer is complete.
func Truncate(n int64) Effect { return truncate{n} }

type truncate struct {
	After int64 `json:"after" doc:"bytes of the body that pass"`
}

func (truncate) kind() string { return "truncate" }

func (t truncate) check() error {
	if t.After < 0 {
		return fmt.Errorf("after %d bytes: want 0 or more", t.After)
	}
	return nil
}

func (truncate) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (t truncate) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	left, whole := t.After, false
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if length, ok := contentLength(w.Header()); ok && length > t.After {
			if whole = !x.act(); !whole {
				setContentLength(w.Header(), t.After)
			}
		}
		return status
	}
	out.body = func(p []byte) (int, error) {
		if whole || int64(len(p)) > left && !x.act() {
			whole = true
			return w.Write(p)
		}
		n := min(int64(len(p)), left)
		left -= n
		if n > 0 {
			if _, err := w.Write(p[:n]); err != nil {
				return 0, err
			}
		}
		return len(p), nil
	}
	out.serve(r, next)
}

// Raw writes bytes to the connection instead of an answer, and closes it. The bytes need
// not be HTTP. In HTTP/2 they are written between two frames.
func Raw(bytes string) Effect { return raw{bytes} }

type raw struct {
	Bytes string `json:"bytes" doc:"the bytes"`
}

func (raw) kind() string { return "raw" }

func (raw) ends() bool { return true }

func (e raw) needs() need { return needConn }

func (e raw) serve(x *exchange, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_ = x.conn.Inject([]byte(x.expand(e.Bytes, r))) // the client has left
	panic(http.ErrAbortHandler)
}

func (e raw) open(o *Opening) { o.Raw = []byte(e.Bytes) }

// CloseIdle answers as usual, and closes the connection when the next request arrives on
// it, without an answer. The client sees a keep-alive connection that times out at that
// moment. In HTTP/2 the stream of the next request is reset.
func CloseIdle() Effect { return closeIdle{} }

type closeIdle struct{}

func (closeIdle) kind() string { return "close-idle" }

func (closeIdle) needs() need { return needConn }

// prospect is not surely: it acts with the next request.
func (closeIdle) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (closeIdle) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if x.start() {
		x.engine.doomed.add(x.conn, doom{x.rule(), x.acted()})
	}
	next.ServeHTTP(w, r)
}
