package server

// Frames of HTTP/2 (RFC 9113, 4.1 and 6).
const (
	frameHeaderLength = 9

	frameHeaders      = 0x1
	frameRSTStream    = 0x3
	framePushPromise  = 0x5
	frameContinuation = 0x9

	flagEndHeaders = 0x4

	errorInternal = 0x2 // INTERNAL_ERROR
)

// framePosition is a place in a stream of frames. The zero value is its
// beginning.
type framePosition struct {
	header [frameHeaderLength]byte // of the frame that the place is in
	have   int                     // bytes of the header that lie before the place; 0 between frames
	left   int                     // bytes of the payload that lie behind it
	begun  bool                    // a frame has ended
	block  bool                    // and a header block has not: only CONTINUATION may follow
}

// between tells whether another frame may be put here. Nothing comes before the
// first, which is SETTINGS.
func (f *framePosition) between() bool { return f.begun && f.have == 0 && !f.block }

// payload tells whether a payload of this length, of a frame of this type, begins
// here.
func (f *framePosition) payload(frameType byte, length int) bool {
	return f.have == frameHeaderLength && f.header[3] == frameType && f.left == length
}

// next moves on to the end of the header or of the payload that the place is in,
// or of p, if that comes first, and returns how many bytes of p that is.
func (f *framePosition) next(p []byte) (n int) {
	if f.have < frameHeaderLength {
		n = copy(f.header[f.have:], p)
		f.have += n
		if f.have == frameHeaderLength {
			f.left = int(f.header[0])<<16 | int(f.header[1])<<8 | int(f.header[2])
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
	switch f.header[3] {
	case frameHeaders, framePushPromise, frameContinuation:
		f.block = f.header[4]&flagEndHeaders == 0
	}
}
