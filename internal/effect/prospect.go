package effect

import (
	"net/http"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Prospect is whether an effect acts on a request, as far as that is known before the
// request is served.
type Prospect uint8

// The prospects, in ascending order.
const (
	Never   Prospect = iota
	Perhaps          // the answer, the body or the Store decides
	Surely
)

// prospectOf returns the prospect of an effect, and for [All] the best of its effects.
// If store is nil, it is not asked.
func prospectOf(b Behaviour, info *op.Info, r *http.Request, store registry.Store) Prospect {
	if group, ok := b.(All); ok {
		return BestProspect(group, info, r, store)
	}
	if l, ok := b.(limitedEffect); ok && !l.actsOn().Has(info.Op) {
		return Never
	}
	likely := Surely
	if c, ok := b.(choosyEffect); ok {
		likely = c.prospect(info, r)
	}
	if s, ok := b.(storedEffect); ok && likely != Never && store != nil && !s.finds(r.Context(), store, info) {
		return Never
	}
	return likely
}

// BestProspect returns the best prospect of the effects. If store is nil, it is not asked.
func BestProspect(effects []Behaviour, info *op.Info, r *http.Request, store registry.Store) Prospect {
	best := Never
	for _, b := range effects {
		best = max(best, prospectOf(b, info, r, store))
	}
	return best
}

// IsGroup reports whether an effect consists of several.
func IsGroup(b Behaviour) bool {
	_, ok := b.(All)
	return ok
}
