package faults

import (
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

// Delay waits before the request is served. With 0 it waits until the client leaves.
func Delay(d time.Duration) Effect { return of(effect.Delay{For: effect.Duration(d)}) }

// DelayReply waits after the request was served, before the header of the answer is
// sent. With 0 it waits until the client leaves.
func DelayReply(d time.Duration) Effect { return of(effect.DelayReply{For: effect.Duration(d)}) }

// Stall sends the header and n bytes of the body of the answer, waits with the
// connection open, and continues. With duration 0 it waits until the client leaves. With
// n 0 it waits after the header. An answer of at most n bytes, unless n is 0, is not
// affected.
func Stall(n int64, d time.Duration) Effect {
	return of(effect.Stall{After: n, For: effect.Duration(d)})
}

// Pace is an effect that transfers a body slowly: that of the answer, or, with
// [Pace.OfRequest], that of the request.
type Pace struct{ does effect.Pace }

// Trickle transfers n bytes at a time, with pauses of d in between.
func Trickle(n int64, d time.Duration) Pace {
	return Pace{effect.Pace{Bytes: n, Every: effect.Duration(d)}}
}

// Bandwidth transfers a body at a number of bytes per second, in small portions.
func Bandwidth(bytesPerSecond int64) Pace {
	const portions = 20
	n := max(bytesPerSecond/portions, 1)
	every := time.Duration(0)
	if bytesPerSecond > 0 {
		every = time.Duration(n * int64(time.Second) / bytesPerSecond)
	}
	return Trickle(n, every)
}

// OfRequest reads the body of the request slowly instead.
func (e Pace) OfRequest() Pace {
	e.does.Request = true
	return e
}

func (e Pace) behaviour() effect.Behaviour { return e.does }
