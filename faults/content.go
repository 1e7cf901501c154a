package faults

import (
	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/effect"
)

// Corrupt inverts the byte of the content at an offset. A negative offset counts from
// the end. In the answer to a range request the offset is that in the whole content, so
// that a client that resumes receives the wrong byte too.
func Corrupt(offset int64) Effect { return of(effect.Corrupt{Offset: offset}) }

// Zeros replaces the content by zero bytes of the same length.
func Zeros() Effect { return of(effect.Zeros{}) }

// ContentOf sends the content of another blob or manifest of the repository in place of
// the content requested. If the repository does not have it, the answer does not change.
func ContentOf(d digest.Digest) Effect { return of(effect.ContentOf{Digest: d}) }

// Compress sends the content in a content coding, "gzip", "deflate" or "zstd", with
// Content-Encoding, even if the client does not accept it (RFC 9110, 8.4). The blocks of the
// coding are stored: the content does not become smaller. By default the answer has no
// Content-Length. Compress does not act on HEAD or on an empty body.
func Compress(coding string) Compression { return Compression{effect.Compress{Coding: coding}} }

// Compression is the effect of [Compress].
type Compression struct{ does effect.Compress }

// WithLength sends the Content-Length of the coded content. It differs from that of HEAD, as
// behind a proxy that compresses.
func (e Compression) WithLength() Compression {
	e.does.Length = effect.CodedLength
	return e
}

// WithPlainLength sends the Content-Length of the content without the coding. The coded
// content, which is longer, is cut off there.
func (e Compression) WithPlainLength() Compression {
	e.does.Length = effect.PlainLength
	return e
}

func (e Compression) behaviour() effect.Behaviour { return e.does }

// Multipart answers a request for several ranges of a blob, at most 16, with a body of type
// multipart/byteranges (RFC 9110, 14.6). Without it, the registry ignores such a Range.
func Multipart() MultipartRanges { return MultipartRanges{} }

// MultipartRanges is the effect of [Multipart].
type MultipartRanges struct{ does effect.Multipart }

// WithWrongBoundary sends a Content-Type whose boundary is not that of the body.
func (e MultipartRanges) WithWrongBoundary() MultipartRanges {
	e.does.WrongBoundary = true
	return e
}

func (e MultipartRanges) behaviour() effect.Behaviour { return e.does }

// IgnoreRange answers a range request for a blob with 200 and the whole blob.
func IgnoreRange() Effect { return of(effect.IgnoreRange{}) }

// ShiftRange answers a request for a part with another part, that begins so many
// bytes later. Content-Range says which part it is, unless the effect is Claimed.
func ShiftRange(by int64) ShiftedRange { return ShiftedRange{effect.ShiftRange{By: by}} }

// ShiftedRange is the effect of [ShiftRange].
type ShiftedRange struct{ does effect.ShiftRange }

// Claimed has Content-Range say what was asked for, also if the content ends before so
// many bytes have come.
func (e ShiftedRange) Claimed() ShiftedRange {
	e.does.Claim = true
	return e
}

func (e ShiftedRange) behaviour() effect.Behaviour { return e.does }
