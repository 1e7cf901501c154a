package server

import "encoding/binary"

// Frames of HTTP/2 (RFC 9113, 4.1 and 6).
const (
	frameHeaderLength = 9

	frameData         = 0x0
	frameHeaders      = 0x1
	frameRSTStream    = 0x3
	framePushPromise  = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4

	errorNone          = 0x0 // NO_ERROR
	errorInternal      = 0x2 // INTERNAL_ERROR
	errorRefusedStream = 0x7 // REFUSED_STREAM

	maxStream = 1<<31 - 1 // the highest stream identifier
)

// frameHeader is the header of a frame.
type frameHeader [frameHeaderLength]byte

func (h *frameHeader) kind() byte { return h[3] }

func (h *frameHeader) has(flag byte) bool { return h[4]&flag != 0 }

func (h *frameHeader) length() int { return int(h[0])<<16 | int(h[1])<<8 | int(h[2]) }

func (h *frameHeader) stream() uint32 { return binary.BigEndian.Uint32(h[5:]) & maxStream }

// endsStream reports whether the frame has the END_STREAM flag.
func (h *frameHeader) endsStream() bool {
	return (h.kind() == frameData || h.kind() == frameHeaders) && h.has(flagEndStream)
}

// goAwayFrame returns a GOAWAY frame (RFC 9113, 6.8).
func goAwayFrame(lastStream, code uint32) []byte {
	frame := []byte{0, 0, 8, frameGoAway, 0, 0, 0, 0, 0}
	frame = binary.BigEndian.AppendUint32(frame, lastStream)
	return binary.BigEndian.AppendUint32(frame, code)
}

// pingFrame returns a PING frame (RFC 9113, 6.7).
func pingFrame() []byte {
	return append([]byte{0, 0, 8, framePing, 0, 0, 0, 0, 0}, "ocifake."...)
}

// framePosition is a position in a stream of frames. The zero value is the start.
type framePosition struct {
	header frameHeader // of the current frame, or of the last one between frames
	have   int         // bytes of the header before the position; 0 between frames
	left   int         // bytes of the payload after the position
	begun  bool        // at least one frame has ended
	block  bool        // inside a header block: only CONTINUATION may follow
}

// between reports whether a frame may be inserted at the position. The first frame must be
// SETTINGS, so nothing is inserted before it.
func (f *framePosition) between() bool { return f.begun && f.have == 0 && !f.block }

// inHeader reports whether the position is inside a frame header.
func (f *framePosition) inHeader() bool { return f.have > 0 && f.have < frameHeaderLength }

// next advances to the end of the current header or payload, or to the end of p, whichever comes
// first, and returns the number of bytes.
func (f *framePosition) next(p []byte) (n int) {
	if f.have < frameHeaderLength {
		n = copy(f.header[f.have:], p)
		f.have += n
		if f.have == frameHeaderLength {
			f.left = f.header.length()
		}
	} else {
		n = min(f.left, len(p))
		f.left -= n
	}
	if f.have == frameHeaderLength && f.left == 0 {
		f.end()
	}
	return n
}

func (f *framePosition) end() {
	f.have = 0
	f.begun = true
	switch f.header.kind() {
	case frameHeaders, framePushPromise, frameContinuation:
		f.block = !f.header.has(flagEndHeaders)
	}
}
