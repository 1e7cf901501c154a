package main

import (
	"context"
	"errors"
	"runtime"
)

// allocated compares the bytes of a blob with all that this process allocates
// while it is pushed: by the registry, and by net/http on both sides, but for
// the content itself, which the client has beforehand.
func allocated(size int) comparison {
	return afterWarmUp(size, func(c *client, b *blob) (pair, error) {
		before := memory().TotalAlloc
		err := c.push(context.Background(), *b)
		return pair{float64(size), float64(memory().TotalAlloc - before)}, err
	})
}

// held compares the bytes of some blobs with what is more on the heap once they
// have been pushed and the garbage was collected.
func held(size, blobs int) comparison {
	return afterWarmUp(size, func(c *client, b *blob) (pair, error) {
		before := liveHeap()
		for range blobs {
			if err := c.push(context.Background(), *b); err != nil {
				return pair{}, err
			}
			b.renew()
		}
		return pair{float64(size * blobs), liveHeap() - before}, nil
	})
}

// afterWarmUp measures one server after another, each after a first push.
func afterWarmUp(size int, measure func(*client, *blob) (pair, error)) comparison {
	return func(s subject, more func() bool) (pairs []pair, err error) {
		b := newBlob(size, 0)
		for more() {
			running, c, err := open(s)
			if err != nil {
				return nil, err
			}
			var p pair
			if err = c.push(context.Background(), b); err == nil {
				b.renew()
				p, err = measure(c, &b)
			}
			if err = errors.Join(err, closeBoth(running, c)); err != nil {
				return nil, err
			}
			pairs = append(pairs, p)
		}
		return pairs, nil
	}
}

func memory() *runtime.MemStats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &m
}

// liveHeap is the size of what can still be reached.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool has outlives the first
	return float64(memory().HeapAlloc)
}
