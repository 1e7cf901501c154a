package recorder

import (
	"hash/maphash"
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// maxAttempts is how many different requests are remembered at least: 16 bytes each, in a
// table that has twice as many.
const maxAttempts = 4096

// sameness returns a hash that is equal for requests for the same; see [record.Attempt].
func (r *Recorder) sameness(request *http.Request, info *op.Info) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	add := func(text string) {
		h.WriteString(text)
		h.WriteByte(0)
	}
	add(request.Method)
	switch {
	case info.Session != "":
		add(request.URL.Path)
		add(string(info.Digest))
		add(request.Header.Get("Content-Range"))
	case request.RequestURI != "":
		add(request.RequestURI)
	default:
		add(request.URL.RequestURI())
	}
	return h.Sum64()
}

// attempt counts a request, and returns its number among those for the same. r.mu is held.
func (r *Recorder) attempt(sameness uint64) int {
	n := r.attempts.Get(sameness) + 1
	r.attempts.Set(sameness, n)
	return int(n)
}
