package server

import (
	"encoding/binary"

	"github.com/ocifake/ocifake/internal/effect"
)

// edits reports whether frames are changed or inserted.
func (w *frameWriter) edits() bool {
	return len(w.queue) > 0 || !w.next.set.IsZero() || w.away.refusing || w.holds ||
		w.drops[effect.IgnorePings] != nil || w.drops[effect.WithholdWindows] != nil
}

// dropped returns the function for a frame that is not written, or nil.
func (w *frameWriter) dropped() func() {
	switch h := &w.frame.header; {
	case h.kind() == framePing && h.has(flagAck):
		return w.drops[effect.IgnorePings]
	case h.kind() == frameWindowUpdate:
		return w.drops[effect.WithholdWindows]
	}
	return nil
}

// edit returns the bytes to write for p. It does not modify p, which may be the content of a blob.
func (w *frameWriter) edit(p []byte) []byte {
	if !w.edits() {
		for rest := p; len(rest) > 0; {
			rest = rest[w.frame.next(rest):]
			w.note()
		}
		return p
	}
	var edited []byte
	for len(p) > 0 {
		edited = w.takeQueue(edited)
		w.holds = w.holds || w.frame.have == 0
		n := w.frame.next(p)
		edited = w.appendPart(edited, p[:n])
		p = p[n:]
	}
	return w.takeQueue(edited)
}

// note updates the streams with the frame that has just ended.
func (w *frameWriter) note() {
	if w.frame.have == 0 {
		w.streams.said(&w.frame.header)
	}
}

// takeQueue appends the queued frames if they may be inserted at the position.
func (w *frameWriter) takeQueue(b []byte) []byte {
	if !w.frame.between() {
		return b
	}
	for _, q := range w.queue {
		b = append(b, q...)
	}
	w.queue = nil
	return b
}

// appendPart appends a header or payload, or a part of one. It holds back an incomplete header, and
// an incomplete frame that may be changed.
func (w *frameWriter) appendPart(b, part []byte) []byte {
	switch {
	case !w.holds:
		b = append(b, part...)
	case w.frame.inHeader():
		w.held = append(w.held, part...)
		return b
	case w.frame.have == 0 && w.mayChange():
		b = w.appendChanged(b, append(w.held, part...))
		w.held, w.holds = w.held[:0], false
		return b
	case w.mayChange():
		w.held = append(w.held, part...)
		return b
	default:
		b = append(append(b, w.held...), part...)
		w.held, w.holds = w.held[:0], false
	}
	w.note()
	return b
}

// mayChange reports whether the current frame is of a type that may be changed.
func (w *frameWriter) mayChange() bool {
	h := &w.frame.header
	return w.dropped() != nil || h.kind() == frameRSTStream && h.length() == 4 || h.kind() == frameGoAway && h.length() >= 8 && w.away.refusing
}

// appendChanged appends the frame with its changes.
func (w *frameWriter) appendChanged(b, frame []byte) []byte {
	if acted := w.dropped(); acted != nil {
		acted()
		return b
	}
	payload := frame[frameHeaderLength:]
	if w.frame.header.kind() == frameGoAway {
		if code := binary.BigEndian.Uint32(payload[4:]); code != errorNone {
			b = append(b, goAwayFrame(w.away.last, code)...)
		}
		return b // the client has received a GOAWAY already
	}
	if binary.BigEndian.Uint32(payload) == errorInternal && !w.next.set.IsZero() {
		if code := w.next.goAway; code != nil {
			w.streams.refuse(w.frame.header.stream())
			b = append(b, w.refuseStreams(*code)...)
		}
		binary.BigEndian.PutUint32(payload, w.next.code)
		w.next = reset{}
		w.changed.Broadcast()
	}
	w.note()
	return append(b, frame...)
}
