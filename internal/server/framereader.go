package server

import "io"

// frameReader reads what a client says on an HTTP/2 connection, and tells the
// frameWriter of the streams. It is used by one reader at a time.
//
// Once the connection is closed to new streams, net/http gets a GOAWAY frame as if the
// client had sent it, before the first frame that comes then. From there on it
// ignores the streams above the last that it knows, as RFC 9113, 6.8, has it, and
// keeps the state of the header compression.
type frameReader struct {
	writer *frameWriter
	frame  framePosition
	told   bool   // net/http got the GOAWAY
	ready  []byte // to be read next
	err    error  // after that
}

// read reads from a connection. A frame header is returned once all of it is there.
func (r *frameReader) read(p []byte, from io.Reader) (int, error) {
	for len(r.ready) == 0 {
		if err := r.err; err != nil {
			r.err = nil // a deadline may have been moved
			return 0, err
		}
		n, err := from.Read(p)
		got := r.take(p[:n])
		n = copy(p, got)
		r.ready, r.err = got[n:], err
		if n > 0 || n == len(p) {
			return n, nil
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// take moves on over what the client said, and returns what net/http gets of it: a
// part of p from its beginning, or other memory.
func (r *frameReader) take(p []byte) []byte {
	var edited []byte
	whole := 0                    // bytes of p that are returned, if not edited
	editing := r.frame.inHeader() // whose beginning is not in p
	for rest := p; len(rest) > 0; {
		between := r.frame.begun && !r.frame.block
		inPayload := r.frame.have == frameHeaderLength
		n := r.frame.next(rest)
		part := rest[:n]
		rest = rest[n:]
		if !inPayload {
			if r.frame.inHeader() {
				break
			}
			part = r.frame.header[:]
			if r.writer.heard(&r.frame.header) && between && !r.told {
				r.told = true
				if !editing {
					editing, edited = true, append(edited, p[:whole]...)
				}
				edited = append(edited, goAwayFrame(0, errorNone)...)
			}
		}
		if editing {
			edited = append(edited, part...)
		} else {
			whole += len(part)
		}
	}
	if editing {
		return edited
	}
	return p[:whole]
}
