package faults

import (
	"github.com/ocifake/ocifake/internal/effect"
)

// Cut is an effect that ends a connection or a stream in the middle of a body. The
// methods return changed copies.
type Cut struct{ does effect.Cut }

// Close closes the connection in an orderly way after n bytes of the body of the answer.
// With n 0 the registry does not see the request, and the client sees EOF instead of an
// answer; otherwise it sees an unexpected EOF. In HTTP/2 the stream is reset with
// INTERNAL_ERROR. An answer of at most n bytes, unless n is 0, is not affected.
func Close(n int64) Cut { return cut(effect.ByClose, n) }

// Reset is [Close] with a reset of the connection (TCP RST). In HTTP/2 this ends all
// streams of the connection. In memory the next read or write of the client fails with
// ECONNRESET.
func Reset(n int64) Cut { return cut(effect.ByReset, n) }

// ResetStream is [Close] for a single HTTP/2 stream, which is reset with NO_ERROR or the
// code of [Cut.Code]. In HTTP/1.1 it is Close.
func ResetStream(n int64) Cut { return cut(effect.ByStream, n) }

// GoAway abandons the stream after n bytes of the body of the answer, and sends a GOAWAY
// frame (RFC 9113, 6.8), as a proxy does when it stops. The frame names the last stream
// that is processed; later streams are not answered. By default its error code is
// NO_ERROR, and the connection ends when the earlier streams have ended. With another
// code, see [Cut.Code], the connection ends at once. With n 0, or after bytes of the
// request, the stream was not processed: it is reset with REFUSED_STREAM, and clients
// may send the request again. In HTTP/1.1 it is [Close].
func GoAway(n int64) Cut { return cut(effect.ByGoAway, n) }

// Code sets the HTTP/2 error code of [ResetStream] and [GoAway] (RFC 9113, 7), such as 2
// for INTERNAL_ERROR or 7 for REFUSED_STREAM.
func (c Cut) Code(code uint32) Cut {
	c.does.Code = code
	return c
}

// OfRequest counts the bytes of the body of the request instead. A request with at most
// that many bytes is not affected.
func (c Cut) OfRequest() Cut {
	c.does.Request = true
	return c
}

// LoseReply serves the request, and closes the connection instead of an answer. In
// HTTP/2 the stream is reset with INTERNAL_ERROR.
func LoseReply() Effect { return of(effect.LoseReply{}) }

// Truncate sends n bytes of the body of the answer, with a matching Content-Length: a
// client that does not verify it believes that the answer is complete. Content-Range
// matches too, as in an answer with only a part of the requested range (RFC 9110,
// section 15.3.7).
func Truncate(n int64) Effect { return of(effect.Truncate{After: n}) }

// Raw writes bytes to the connection instead of an answer, and closes it. The bytes need
// not be HTTP. In HTTP/2 they are written between two frames.
func Raw(bytes string) Effect { return of(effect.Raw{Bytes: bytes}) }

// CloseIdle answers as usual, and closes the connection when the next request arrives on
// it, without an answer. The client sees a keep-alive connection that times out at that
// moment. In HTTP/2 the stream of the next request is reset.
func CloseIdle() Effect { return of(effect.CloseIdle{}) }

func cut(how effect.CutKind, n int64) Cut {
	return Cut{effect.Cut{How: how, CutArgs: effect.CutArgs{After: n}}}
}

func (c Cut) behaviour() effect.Behaviour { return c.does }

// GoAwayGracefully serves the request and ends its connection, as a proxy does when it
// is replaced: a first GOAWAY frame announces the end, a second one names the last
// stream that is answered, and the connection ends when all streams up to it have ended
// (RFC 9113, 6.8). Requests fail only if the client sends more of them on this
// connection. In HTTP/1.1 the answer has "Connection: close", and the connection ends
// after it.
func GoAwayGracefully() Effect { return of(effect.GoAwayGracefully{}) }
