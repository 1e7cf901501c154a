package server

import "io"

// frameReader reads the client's side of an HTTP/2 connection, and updates the streams of the
// frameWriter. It supports one reader at a time.
//
// Once the connection is closed to new streams, frameReader inserts a GOAWAY before the next frame,
// as if the client had sent it. From then on net/http ignores the streams above the last that it
// knows, as RFC 9113, section 6.8, requires, and maintains the state of the header compression.
type frameReader struct {
	writer *frameWriter
	frame  framePosition
	told   bool   // GOAWAY was inserted
	ready  []byte // returned by the next read
	err    error  // returned after ready
}

// read reads from a connection. It returns a frame header only when it is complete.
func (r *frameReader) read(p []byte, from io.Reader) (int, error) {
	for len(r.ready) == 0 {
		if err := r.err; err != nil {
			r.err = nil // the deadline may have changed
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

// take advances over the bytes p of the client, and returns the bytes for net/http: a prefix of p,
// or other memory.
func (r *frameReader) take(p []byte) []byte {
	var edited []byte
	whole := 0                    // number of bytes of p to return, unless edited
	editing := r.frame.inHeader() // the header began before p
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
