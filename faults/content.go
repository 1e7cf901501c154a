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

// Gzip compresses the content and adds Content-Encoding, even if the client does not
// accept it. The answer has no Content-Length. Gzip does not act on HEAD or on an empty
// body.
func Gzip() Effect { return of(effect.Gzip{}) }

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

// Behaviour implements [Effect].
func (e ShiftedRange) Behaviour() effect.Behaviour { return e.does }
