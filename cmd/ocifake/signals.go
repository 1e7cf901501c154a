package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// signaled is the cause of a context that a signal has ended.
type signaled struct{ os.Signal }

func (s *signaled) Error() string { return "signal: " + s.Signal.String() }

// Is makes it the cancellation that it is the cause of.
func (s *signaled) Is(target error) bool { return target == context.Canceled }

// status is the exit status of a program that a signal has ended.
func (s *signaled) status() int {
	if n, ok := s.Signal.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return 1
}

// untilSignal returns a context that ends with the first of the signals. A second
// interrupt does what it does to a program that has not asked for it; others have no
// effect: "timeout", for one, sends each twice, and what is written in the end must
// be.
func untilSignal(signals ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	first, further := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(first, signals...)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case s := <-first:
			signal.Notify(further, without(signals, os.Interrupt)...)
			signal.Stop(first)
			cancel(&signaled{s})
		case <-ctx.Done():
			signal.Stop(first)
		}
	}()
	return ctx, func() { cancel(nil); <-stopped; signal.Stop(further) }
}

// without returns the signals but for one.
func without(signals []os.Signal, one os.Signal) []os.Signal {
	return slices.DeleteFunc(slices.Clone(signals), func(s os.Signal) bool { return s == one })
}

// heeded returns the signals that are not ignored: "nohup" makes a program ignore
// SIGHUP, a shell makes one in the background ignore SIGINT.
func heeded(signals []os.Signal) []os.Signal {
	return slices.DeleteFunc(slices.Clone(signals), signal.Ignored)
}

// catch returns a channel with the signals from now on, until stop is called.
func catch(signals ...os.Signal) (caught <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 8)
	if len(signals) > 0 { // else it would be all of them
		signal.Notify(c, signals...)
	}
	return c, func() { signal.Stop(c) }
}

// surviveBrokenPipes makes writing to standard output or error that nobody reads any
// more an error, up to the end of the program. It would end it, before it has written
// its files and removed those that are temporary. Programs that it runs are not
// affected.
func surviveBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
