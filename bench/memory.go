package main

import (
	"context"
	"errors"
	"runtime"
)

// allocated compares the size of a blob with the bytes that this process allocates during its push:
// in the registry, and in net/http on both sides, without the content itself, which the client
// allocates before.
func allocated(size int) comparison {
	return afterWarmUp(size, func(c *client, b *blob) (pair, error) {
		before := memory().TotalAlloc
		err := c.push(context.Background(), *b)
		return pair{float64(size), float64(memory().TotalAlloc - before)}, err
	})
}

// held compares the size of some blobs with the growth of the heap after their push and a garbage
// collection.
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

// liveHeap returns the size of reachable memory.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // the content of a sync.Pool survives the first collection
	return float64(memory().HeapAlloc)
}
