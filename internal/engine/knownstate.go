package engine

import "sync/atomic"

// knownState is what the rules of one known fault in an engine have in common. It is nil
// for a rule of no known fault.
type knownState struct{ hit atomic.Bool }

func (p *knownState) fired() {
	if p != nil {
		p.hit.Store(true)
	}
}

// satisfied reports whether one of the rules fired.
func (p *knownState) satisfied() bool { return p != nil && p.hit.Load() }
