// Package bubble reports whether code runs in a bubble of [testing/synctest].
package bubble

import (
	"errors"
	"time"
)

// Inside reports whether the caller runs in a bubble. It goes by the clock, which
// starts in the year 2000 there: a bubble that lasts for ten years of virtual time, or
// a machine with a wrong clock, is mistaken.
func Inside() bool { return time.Now().Year() < 2010 }

// ErrOutside is why something that was made outside of a bubble cannot be used in it.
var ErrOutside = errors.New("the registry was started outside of the testing/synctest bubble in which it is used: " +
	"start it in the bubble, in the function that is given to synctest.Test")

// ErrInside is why something that was made in a bubble cannot be used outside.
var ErrInside = errors.New("the registry was started in a testing/synctest bubble and is used outside of it: " +
	"use it in the function that is given to synctest.Test")

// Check returns an error if the caller is in a bubble and what it uses was not made in
// one, or the other way round. Using it would end the program: channels and timers of a
// bubble are for its goroutines alone.
func Check(madeInside bool) error {
	switch inside := Inside(); {
	case inside && !madeInside:
		return ErrOutside
	case !inside && madeInside:
		return ErrInside
	}
	return nil
}
