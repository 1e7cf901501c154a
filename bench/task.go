package main

import (
	"errors"
	"fmt"
	"time"
)

// task is a workload on a prepared server.
type task struct {
	do    func() error // timed, together with what the server does for it
	undo  func() error // after it, not timed; nil: nothing
	close func() error
}

// seconds runs the task once and returns how long that took. It is not repeated
// for one figure: the shorter the time, the seldomer does the machine disturb it.
func (t *task) seconds() (float64, error) {
	begin := time.Now()
	if err := t.do(); err != nil {
		return 0, err
	}
	elapsed := time.Since(begin).Seconds()
	if t.undo == nil {
		return elapsed, nil
	}
	return elapsed, t.undo()
}

// A workload starts a subject and prepares it.
type workload func(subject) (*task, error)

// onServer makes a workload of what is done on a running server. The task is run
// once before anything is measured, since the first time is slower.
func onServer(prepare func(*server, *client) (*task, error)) workload {
	return func(s subject) (*task, error) {
		running, c, err := open(s)
		if err != nil {
			return nil, err
		}
		t, err := prepare(running, c)
		if err != nil {
			return nil, errors.Join(err, closeBoth(running, c))
		}
		t.closeAlso(func() error { return closeBoth(running, c) })
		if _, err := t.seconds(); err != nil {
			return nil, errors.Join(err, t.close())
		}
		return t, nil
	}
}

// closeAlso adds what is to be closed after the rest.
func (t *task) closeAlso(last func() error) {
	first := t.close
	t.close = func() error {
		if first == nil {
			return last()
		}
		return errors.Join(first(), last())
	}
}

// open starts a subject, with a client for it.
func open(s subject) (*server, *client, error) {
	running, err := s.start()
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	return running, newClient(running), nil
}

func closeBoth(s *server, c *client) error {
	err := s.close()
	c.http.CloseIdleConnections()
	return err
}
