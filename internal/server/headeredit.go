package server

import (
	"bytes"
	"sync"

	"github.com/ocifake/ocifake/internal/effect"
)

// headerEdit changes what net/http writes to a connection of HTTP/1.1.
type headerEdit struct {
	mu      sync.Mutex
	changes [effect.Changes]func() // called when the change happens; nil: no change
	held    []byte                 // a header that is not complete
}

// continueHeader is what net/http writes, by itself, before it reads a body for the first time.
var continueHeader = []byte("HTTP/1.1 100 Continue\r\n\r\n")

func (h *headerEdit) change(what effect.Change, acted func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes[what] = acted
}

// edit returns the bytes to write for p. It does not modify p, which may be the content of a blob.
func (h *headerEdit) edit(p []byte) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if acted := h.changes[effect.WithholdContinue]; acted != nil && bytes.Equal(p, continueHeader) {
		acted()
		return nil
	}
	acted := h.changes[effect.BareLF]
	if acted == nil {
		return p
	}
	h.held = append(h.held, p...)
	end := bytes.Index(h.held, []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	end += len("\r\n\r\n")
	header, rest := h.held[:end], h.held[end:]
	h.held = nil
	if !bytes.HasPrefix(header, []byte("HTTP/1.1 1")) { // the header of the answer follows
		h.changes[effect.BareLF] = nil
		acted()
	}
	return append(bytes.ReplaceAll(header, []byte("\r\n"), []byte("\n")), rest...)
}
