package server

// streams are the streams of an HTTP/2 connection that the client begins, as far as
// frame headers tell. The zero value has none.
type streams struct {
	open map[uint32]sides
	last uint32 // the highest that has begun
	done uint32 // the highest that was processed and has ended
}

// sides are those who have said all that they had to say on a stream.
type sides uint8

const (
	byClient sides = 1 << iota
	byServer
)

// heard notes a frame from the client.
func (s *streams) heard(h *frameHeader) {
	id := h.stream()
	if h.kind() == frameHeaders && id > s.last {
		if s.open == nil {
			s.open = map[uint32]sides{}
		}
		s.last, s.open[id] = id, 0
	}
	s.noted(h, byClient)
}

// said notes a frame to the client.
func (s *streams) said(h *frameHeader) { s.noted(h, byServer) }

func (s *streams) noted(h *frameHeader, by sides) {
	id := h.stream()
	said, open := s.open[id]
	switch {
	case !open:
	case h.kind() == frameRSTStream:
		s.end(id)
	case h.endsStream():
		s.open[id] = said | by
		if s.open[id] == byClient|byServer {
			s.end(id)
		}
	}
}

func (s *streams) end(id uint32) {
	delete(s.open, id)
	s.done = max(s.done, id)
}

// refuse notes that a stream is not processed.
func (s *streams) refuse(id uint32) { delete(s.open, id) }

// processed returns the highest stream that was or will be processed, 0 if there is
// none.
func (s *streams) processed() uint32 {
	highest := s.done
	for id := range s.open {
		highest = max(highest, id)
	}
	return highest
}
