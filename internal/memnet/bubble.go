package memnet

import (
	"errors"
	"time"
)

// InBubble reports whether the caller runs in a [testing/synctest] bubble. It checks the clock, which starts in the year
// 2000 in a bubble. It is wrong in a bubble after ten years of virtual time, and on a machine with
// a wrong clock.
func InBubble() bool { return time.Now().Year() < 2010 }

// ErrOutsideBubble is the error for using a registry in a bubble that was started outside.
var ErrOutsideBubble = errors.New("the registry was started outside of the testing/synctest bubble that uses it: " +
	"start it in the function passed to synctest.Test")

// ErrInsideBubble is the error for using a registry outside of a bubble that was started inside.
var ErrInsideBubble = errors.New("the registry was started in a testing/synctest bubble and is used outside of it: " +
	"use it in the function passed to synctest.Test")

// CheckBubble returns an error if either the caller or the registry that it uses, but not both, is in a
// bubble. Such a use would end the program: channels and timers of a bubble work only for its own
// goroutines.
func CheckBubble(madeInside bool) error {
	switch inside := InBubble(); {
	case inside && !madeInside:
		return ErrOutsideBubble
	case !inside && madeInside:
		return ErrInsideBubble
	}
	return nil
}
