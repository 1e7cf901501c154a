// Package bubble reports whether code runs in a [testing/synctest] bubble.
package bubble

import (
	"errors"
	"time"
)

// Inside reports whether the caller runs in a bubble. It checks the clock, which starts in the year
// 2000 in a bubble. It is wrong in a bubble after ten years of virtual time, and on a machine with
// a wrong clock.
func Inside() bool { return time.Now().Year() < 2010 }

// ErrOutside is the error for using a registry in a bubble that was started outside.
var ErrOutside = errors.New("the registry was started outside of the testing/synctest bubble that uses it: " +
	"start it in the function passed to synctest.Test")

// ErrInside is the error for using a registry outside of a bubble that was started inside.
var ErrInside = errors.New("the registry was started in a testing/synctest bubble and is used outside of it: " +
	"use it in the function passed to synctest.Test")

// Check returns an error if either the caller or the registry that it uses, but not both, is in a
// bubble. Such a use would end the program: channels and timers of a bubble work only for its own
// goroutines.
func Check(madeInside bool) error {
	switch inside := Inside(); {
	case inside && !madeInside:
		return ErrOutside
	case !inside && madeInside:
		return ErrInside
	}
	return nil
}
