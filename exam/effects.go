package exam

import (
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// Effect is one way in which a registry fails.
type Effect struct {
	Name string // in the table and in the names of subtests

	// Effect is the fault at every point. It is ignored if At is set.
	Effect faults.Effect

	// At returns the fault at a point, or nil if none applies there: a change of the
	// answer's body does not apply to an answer without one. Such a cell is
	// [NotApplicable] and has no subtest.
	At func(Point) faults.Effect
}

func (e *Effect) at(p Point) faults.Effect {
	if e.At == nil {
		return e.Effect
	}
	return e.At(p)
}

// DefaultEffects returns the effects that [Sweep] uses by default. Those that cut or
// change a body do so in its middle:
//
//	500           500, as plain text
//	503           503 with Retry-After: 1
//	429           429 without Retry-After
//	401           401 with a Basic challenge
//	404           404
//	close         the connection is closed before the answer
//	close-body    the connection is closed in the middle of the answer
//	reset-body    the connection is reset in the middle of the answer
//	reset-stream  the stream is reset before the answer; HTTP/2 only
//	close-upload  the connection is closed after the first byte of the request's body
//	lost-reply    the connection is closed after the registry acted and before the answer; writes only
//	stall         the answer stops in the middle, and the connection stays open
//	truncate      the body is shorter, and Content-Length agrees
//	corrupt       one byte differs
//	zeros         the body is all zeros
//	wrong-digest  Docker-Content-Digest is that of other content
//	redirect      a blob is at another host, which refuses credentials
func DefaultEffects() []Effect {
	return []Effect{
		{Name: "500", Effect: faults.Status(http.StatusInternalServerError)},
		{Name: "503", Effect: faults.Status(http.StatusServiceUnavailable).RetryAfter(time.Second)},
		{Name: "429", Effect: faults.Status(http.StatusTooManyRequests)},
		{Name: "401", Effect: faults.Status(http.StatusUnauthorized).Header("WWW-Authenticate", `Basic realm="sweep"`)},
		{Name: "404", Effect: faults.Status(http.StatusNotFound)},
		{Name: "close", Effect: faults.Close(0)},
		{Name: "close-body", At: halfway(func(n int64) faults.Effect { return faults.Close(n) })},
		{Name: "reset-body", At: halfway(func(n int64) faults.Effect { return faults.Reset(n) })},
		{Name: "reset-stream", At: where(isHTTP2, faults.ResetStream(0).Code(internalError))},
		{Name: "close-upload", At: closeUpload},
		{Name: "lost-reply", At: where(func(p Point) bool { return p.Op.Write() }, faults.LoseReply())},
		{Name: "stall", At: stall},
		{Name: "truncate", At: halfway(faults.Truncate)},
		{Name: "corrupt", At: halfway(faults.Corrupt)},
		{Name: "zeros", At: where(hasBody, faults.Zeros())},
		{Name: "wrong-digest", At: where(hasDigest, faults.SetHeader("Docker-Content-Digest", string(digest.FromString("something else"))))},
		{Name: "redirect", At: where(func(p Point) bool { return p.Op == op.BlobGet }, faults.Redirect(http.StatusTemporaryRedirect, "{cdn}"))},
	}
}

// internalError is the HTTP/2 error code INTERNAL_ERROR (RFC 9113, section 7).
const internalError = 2

// where returns the effect at the points that a function selects.
func where(applies func(Point) bool, effect faults.Effect) func(Point) faults.Effect {
	return func(p Point) faults.Effect {
		if applies(p) {
			return effect
		}
		return nil
	}
}

func hasBody(p Point) bool   { return p.ResponseBytes > 0 }
func isHTTP2(p Point) bool   { return p.Proto == "HTTP/2.0" }
func hasDigest(p Point) bool { return p.ResponseHeader.Get("Docker-Content-Digest") != "" }

// halfway returns an effect in the middle of the answer's body.
func halfway(effect func(n int64) faults.Effect) func(Point) faults.Effect {
	return func(p Point) faults.Effect {
		if !hasBody(p) {
			return nil
		}
		return effect(p.ResponseBytes / 2)
	}
}

func stall(p Point) faults.Effect {
	if !hasBody(p) {
		return faults.Delay(0)
	}
	return faults.Stall(p.ResponseBytes/2, 0)
}

// closeUpload acts after one byte. The middle of the body is no fixed point: its
// length depends on which of a client's parallel uploads comes first.
func closeUpload(p Point) faults.Effect {
	if p.RequestBytes < 2 {
		return nil
	}
	return faults.Close(1).OfRequest()
}
