package server

// streams tracks the streams that the client opens on an HTTP/2 connection, by their frame headers.
// The zero value has none.
type streams struct {
	open map[uint32]sides
	last uint32 // the highest that was opened
	done uint32 // the highest that was processed and has ended
}

// sides are the peers that have ended their side of a stream.
type sides uint8

const (
	byClient sides = 1 << iota
	byServer
)

// heard records a frame from the client.
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

// said records a frame to the client.
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

// refuse marks a stream as unprocessed.
func (s *streams) refuse(id uint32) { delete(s.open, id) }

// processed returns the highest stream that was or will be processed, or 0.
func (s *streams) processed() uint32 {
	highest := s.done
	for id := range s.open {
		highest = max(highest, id)
	}
	return highest
}
