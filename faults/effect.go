package faults

import (
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/must"
)

// Effect is what a fault does to a request or to a connection. The functions of this
// package return effects. An effect is a value that several rules can use.
type Effect interface{ behaviour() effect.Behaviour }

// Behaviours returns what the engine that applies a rule uses: for each effect its behaviour, or
// nil for a nil effect.
func Behaviours(effects []Effect) []effect.Behaviour {
	list := make([]effect.Behaviour, len(effects))
	for i, e := range effects {
		if !must.IsNil(e) {
			list[i] = e.behaviour()
		}
	}
	return list
}

// plain is an effect without methods of its own.
type plain struct{ does effect.Behaviour }

// of returns the effect for a behaviour.
func of(b effect.Behaviour) Effect {
	switch b := b.(type) {
	case effect.Answer:
		return Answer{b}
	case effect.Compress:
		return Compression{b}
	case effect.Cut:
		return Cut{b}
	case effect.Edit:
		return Edit{b}
	case effect.Limit:
		return Limit{b}
	case effect.Location:
		return Location(b)
	case effect.Multipart:
		return MultipartRanges{b}
	case effect.Pace:
		return Pace{b}
	case effect.ShiftRange:
		return ShiftedRange{b}
	}
	return plain{b}
}

func (e plain) behaviour() effect.Behaviour { return e.does }

// Pass does nothing. In a sequence it lets a request pass; in a rule of its own it keeps
// later rules from the requests that the rule matches.
func Pass() Effect { return of(effect.Pass{}) }

// All combines effects, for a step of a sequence. The first effect is the outermost.
func All(effects ...Effect) Effect { return of(effect.All(Behaviours(effects))) }
