package control

import "sync"

// changes tells others that something has changed. The zero value is ready to use.
type changes struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change; nil if nobody waits for it
}

// changed returns a channel that is closed at the next change.
func (c *changes) changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}

func (c *changes) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}
