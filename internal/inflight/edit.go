package inflight

import (
	"net/http"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Edit returns a copy of a request that the function has changed. The copy has facts of its own,
// and shares the rest of its State with the original. The function must not change the path.
func Edit(r *http.Request, change func(*http.Request)) *http.Request {
	must.NotNil("inflight: Edit: r", r)
	must.NotNil("inflight: Edit: change", change)
	r, before := Begin(r)
	c := &carrier{Context: r.Context()}
	edited := r.Clone(c)
	change(edited)
	c.state.sent, _ = before.Sent(r)
	c.state.info = before.info
	if before.info.Op != op.External {
		info := before.parse(edited.Method, edited.URL)
		info.Prefix, info.Repo, info.Alias = before.info.Prefix, before.info.Repo, before.info.Alias
		if info.From != "" {
			info.From = before.info.From
		}
		c.state.info = info
	}
	return edited
}

// Sent returns the request that the client sent, and its State, for a request with this State. They
// are r and s, unless [Edit] returned r.
func (s *State) Sent(r *http.Request) (*http.Request, *State) {
	must.NotNil("inflight: Sent: r", r)
	if s.sent == nil {
		return r, s
	}
	return s.sent, s.first()
}

// first returns the state of the request that the client sent, which has what layers learn.
func (s *State) first() *State {
	if s.sent == nil {
		return s
	}
	return Of(s.sent.Context())
}
