package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// signaled is the cause of a context that a signal has canceled.
type signaled struct{ os.Signal }

func (s *signaled) Error() string { return "signal: " + s.Signal.String() }

// Is reports that signaled matches [context.Canceled].
func (s *signaled) Is(target error) bool { return target == context.Canceled }

// status returns the exit status of a program that was ended by the signal.
func (s *signaled) status() int {
	if n, ok := s.Signal.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return 1
}

// untilSignal returns a context that the first of the signals cancels. A second interrupt has its
// default action. Other signals have no further effect: "timeout", for example, sends each signal
// twice, and the output files must still be written.
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

// without returns the signals except one.
func without(signals []os.Signal, one os.Signal) []os.Signal {
	return slices.DeleteFunc(slices.Clone(signals), func(s os.Signal) bool { return s == one })
}

// heeded returns the signals that are not ignored: "nohup" ignores SIGHUP, and shells ignore SIGINT
// for background jobs.
func heeded(signals []os.Signal) []os.Signal {
	return slices.DeleteFunc(slices.Clone(signals), signal.Ignored)
}

// catch returns a channel that receives the signals until stop is called.
func catch(signals ...os.Signal) (caught <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 8)
	if len(signals) > 0 { // without arguments, Notify forwards all signals
		signal.Notify(c, signals...)
	}
	return c, func() { signal.Stop(c) }
}

// surviveBrokenPipes turns a SIGPIPE on standard output or error into a write error, until the end
// of the program. By default it would end the program before it has written its output files and
// removed its temporary files. Child processes are not affected.
func surviveBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
