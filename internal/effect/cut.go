package effect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// Cut ends a connection or a stream in the middle of a body. Its arguments say where. With
// 0 bytes of the answer, the registry does not see the request. A shorter body is not cut.
type Cut struct {
	How CutKind
	CutArgs
}

// CutArgs are the arguments of [Cut].
type CutArgs struct {
	After   int64  `json:"after,omitempty" doc:"bytes of the body that pass first"`
	Request bool   `json:"request,omitempty" doc:"counts the bytes of the request body"`
	Code    uint32 `json:"code,omitempty" doc:"HTTP/2 error code (RFC 9113, section 7)"`
}

// CutKind is how a [Cut] ends the connection or the stream.
type CutKind struct {
	name  string
	needs need
	// strike ends it. A panic with http.ErrAbortHandler follows.
	strike func(c Conn, a CutArgs)
}

// hasCode reports whether it sends an error code of HTTP/2.
func (k CutKind) hasCode() bool { return k.name == "goaway" || k.name == "reset-stream" }

// The kinds of [Cut].
var (
	ByClose  = CutKind{"close", 0, func(Conn, CutArgs) {}}
	ByReset  = CutKind{"reset", needConn, func(c Conn, _ CutArgs) { _ = c.Abort() }} // it may be closed already
	ByGoAway = CutKind{"goaway", needConn, func(c Conn, a CutArgs) { c.GoAway(a.Code, a.After > 0 && !a.Request) }}
	ByStream = CutKind{"reset-stream", needConn, func(c Conn, a CutArgs) { c.ResetWith(a.Code) }}
)

// maxTurnedAway is how much is held of a request that is turned away, in bytes.
const maxTurnedAway = 64 << 20

func (c Cut) Kind() string { return c.How.name }

func (c Cut) early() string {
	if c.Request {
		return actsOnBody
	}
	return ""
}

func (c Cut) needs() need { return c.How.needs }

// ends reports whether nothing of the answer gets through. A request without a body is
// not cut in it.
func (c Cut) ends() bool { return c.After == 0 && !c.Request }

func (c Cut) actsOn() filter.Ops {
	if c.ends() {
		return ^filter.Ops(0)
	}
	return bodies(c.Request)
}

func (c Cut) prospect(_ *op.Info, r *http.Request) Prospect {
	switch {
	case c.Request && r.ContentLength >= 0 && r.ContentLength <= c.After, !c.ends() && !c.Request && r.Method == http.MethodHead:
		return Never
	case c.After == 0:
		return Surely
	}
	return Perhaps
}

func (c Cut) check() error {
	if c.After < 0 {
		return fmt.Errorf("after %d bytes: want 0 or more", c.After)
	}
	if c.How.name == ByGoAway.name && c.Request && c.After > maxTurnedAway {
		return fmt.Errorf("after %d bytes of the request: want %d at most", c.After, maxTurnedAway)
	}
	if c.Code != 0 && !c.How.hasCode() {
		return errors.New("it has no code: use goaway or reset-stream")
	}
	return nil
}

func (c Cut) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch {
	case c.After == 0:
		c.strike(x)
	case c.Request:
		c.cutRequest(x, w, r, next)
	default:
		c.cutAnswer(x, w, r, next)
	}
}

func (c Cut) strike(x *Exchange) {
	c.How.strike(x.conn, c.CutArgs)
	panic(http.ErrAbortHandler)
}

func (c Cut) cutAnswer(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	left, over := c.After, false
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
func (c Cut) cutRequest(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if c.How.name == ByGoAway.name {
		next.ServeHTTP(w, c.turnAway(x, r))
		return
	}
	body := &cutBody{peeker: peekable(r.Body), left: c.After, act: x.act, strike: func() { c.How.strike(x.conn, c.CutArgs) }}
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
func (c Cut) turnAway(x *Exchange, r *http.Request) *http.Request {
	again, goesOn := readAhead(r, c.After)
	if goesOn && x.act() {
		c.strike(x)
	}
	return again
}

// readAhead reads n bytes of the body of a request, and reports whether more come. The
// request that it returns has the whole body: reading on, the registry meets the end, or the
// error, once more.
func readAhead(r *http.Request, n int64) (again *http.Request, goesOn bool) {
	var read bytes.Buffer
	body := peekable(r.Body)
	_, err := io.CopyN(&read, body, n)
	goesOn = err == nil && body.Peek() == nil
	return withBody(r, readCloser{io.MultiReader(&read, body), body}), goesOn
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

// LoseReply serves the request and closes the connection instead of answering.
type LoseReply struct{}

func (LoseReply) Kind() string { return "lose-reply" }

func (LoseReply) serve(_ *Exchange, _ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(&Nowhere{}, r)
	panic(http.ErrAbortHandler)
}

// Truncate ends the body early, with a matching Content-Length and Content-Range.
type Truncate struct {
	After int64 `json:"after" doc:"bytes of the body that pass"`
}

func (Truncate) Kind() string { return "truncate" }

func (t Truncate) check() error {
	if t.After < 0 {
		return fmt.Errorf("after %d bytes: want 0 or more", t.After)
	}
	return nil
}

func (Truncate) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (t Truncate) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	left, whole := t.After, false
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if length, ok := contentLength(w.Header()); ok && length > t.After {
			if whole = !x.act(); !whole {
				setContentLength(w.Header(), t.After)
				setContentRange(w.Header(), t.After)
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

// Raw writes bytes to the connection instead of an answer.
type Raw struct {
	Bytes string `json:"bytes" doc:"the bytes"`
}

func (Raw) Kind() string { return "raw" }

func (Raw) ends() bool { return true }

func (e Raw) needs() need { return needConn }

func (e Raw) serve(x *Exchange, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_ = x.conn.Inject([]byte(x.expand(e.Bytes, r))) // the client has left
	panic(http.ErrAbortHandler)
}

func (e Raw) open(o *Opening) { o.Raw = []byte(e.Bytes) }

// CloseIdle closes the connection at its next request.
type CloseIdle struct{}

func (CloseIdle) Kind() string { return "close-idle" }

func (CloseIdle) needs() need { return needConn }

// prospect is not surely: it acts with the next request.
func (CloseIdle) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (CloseIdle) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if x.start() {
		x.env.doomed.add(x.conn, doom{x.shot.Rule(), x.acted()})
	}
	next.ServeHTTP(w, r)
}
