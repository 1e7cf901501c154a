package faults

import "sync/atomic"

// presetState is what the rules of one preset in an engine have in common. It is nil
// for a rule of no preset.
type presetState struct{ hit atomic.Bool }

func (p *presetState) fired() {
	if p != nil {
		p.hit.Store(true)
	}
}

// satisfied reports whether one of the rules fired.
func (p *presetState) satisfied() bool { return p != nil && p.hit.Load() }
