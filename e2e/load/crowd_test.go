package load

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is many clients.
type crowd []*client

func newCrowd(base string) crowd {
	all := make(crowd, size)
	for i := range all {
		all[i] = newClient(base, i)
	}
	return all
}

// each has all clients do something at a time.
func (c crowd) each(do func(*client) error) error {
	var running sync.WaitGroup
	errs := make([]error, len(c))
	for i, one := range c {
		running.Go(func() {
			errs[i] = do(one)
			one.http.CloseIdleConnections()
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// round has each client take some steps, or go on for its part of the time that was
// asked for. The channel is closed in the middle of it.
func (c crowd) round(middle chan<- struct{}) error {
	var done atomic.Int64
	begin := time.Now()
	return c.each(func(one *client) error {
		for n := 0; n < steps || time.Since(begin) < *long/rounds; n++ {
			if err := one.step(); err != nil {
				return err
			}
			if done.Add(1) == int64(len(c)*steps/2) {
				close(middle)
			}
		}
		return nil
	})
}

// count returns how many requests were sent since it did so before, and how many of
// them failed, by rule.
func (c crowd) count() (sent int, failed map[string]int) {
	failed = map[string]int{}
	for _, one := range c {
		sent += one.sent - one.counted
		one.counted = one.sent
		for rule, n := range one.failed {
			failed[rule] += n
		}
		clear(one.failed)
	}
	return sent, failed
}
