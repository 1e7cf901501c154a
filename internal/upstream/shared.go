package upstream

import (
	"context"
	"sync"
)

// shared is work that one of those who need it does for all. The zero value is ready.
type shared struct {
	mu      sync.Mutex
	running *work
}

// work is under way until done is closed. The error is that of everyone who waits for it.
type work struct {
	done chan struct{}
	err  error
}

// do calls f, unless ready reports that nothing is left to do. While a call is under way, others wait
// for it, until their contexts end, and share its error. If the caller whose call it was has left,
// one of those who wait calls f again.
func (s *shared) do(ctx context.Context, ready func() bool, f func() error) error {
	for {
		s.mu.Lock()
		if ready() {
			s.mu.Unlock()
			return nil
		}
		w := s.running
		if w == nil {
			w = &work{done: make(chan struct{})}
			s.running = w
			s.mu.Unlock()
			return s.run(ctx, w, f)
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.done:
			if w.err != nil {
				return w.err
			}
		}
	}
}

func (s *shared) run(ctx context.Context, w *work, f func() error) error {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running = nil
		close(w.done)
	}()
	err := f()
	if ctx.Err() == nil {
		w.err = err
	}
	return err
}
