package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// pull fetches a blob.
func pull(size int) workload {
	return onServer(func(_ *server, c *client) (*task, error) {
		b := newBlob(size, 0)
		do := func() error {
			n, err := c.get(context.Background(), b.path())
			if err == nil && n != size {
				err = fmt.Errorf("pulled %d bytes of %d", n, size)
			}
			return err
		}
		return &task{do: do}, c.push(context.Background(), b)
	})
}

// push pushes a blob that the registry does not have, with POST and PUT. It deletes the blob and
// collects garbage before the next push.
func push(size int) workload {
	return onServer(func(_ *server, c *client) (*task, error) {
		b := newBlob(size, 0)
		do := func() error { return c.push(context.Background(), b) }
		undo := func() error {
			err := c.delete(context.Background(), b)
			runtime.GC()
			return err
		}
		return &task{do: do, undo: undo}, nil
	})
}

// start measures an empty test: start, a first ping, close.
func start(s subject) (*task, error) {
	do := func() error {
		running, c, err := open(s)
		if err != nil {
			return err
		}
		return errors.Join(c.ping(context.Background()), closeBoth(running, c))
	}
	return &task{do: do, close: func() error { return nil }}, do()
}
