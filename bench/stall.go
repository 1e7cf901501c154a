package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	clients       = 16
	blobsOfClient = 4
	blobOfClient  = 256 << 10

	// stalledSize is more than the sockets on both sides can hold together, so
	// that the registry has read a part when the client has written nearly all.
	stalledSize = 64 << 20
)

// patience is the maximum time of a crowd.
const patience = 3 * time.Second

// errStops is the result of a crowd that did not finish.
var errStops = errors.New("pushes do not get through")

// crowd is the concurrent pushes of all clients.
func crowd(disturbed bool) workload {
	return onServer(func(_ *server, c *client) (*task, error) {
		blobs := make([]blob, clients*blobsOfClient)
		for i := range blobs {
			blobs[i] = newBlob(blobOfClient, byte(i))
		}
		all := make([]*client, clients)
		for i := range all {
			all[i] = c.another()
		}
		t := &task{
			do:   func() error { return pushAll(all, blobs) },
			undo: func() error { return deleteAll(c, blobs) },
		}
		if !disturbed {
			return t, nil
		}
		release, err := stall(c)
		t.close = release
		return t, err
	})
}

// pushAll lets each client push its share of the blobs.
func pushAll(all []*client, blobs []blob) error {
	bounded, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	group, ctx := errgroup.WithContext(bounded)
	for i, c := range all {
		group.Go(func() error {
			for _, b := range blobs[i*blobsOfClient : (i+1)*blobsOfClient] {
				if err := c.push(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	if err != nil && bounded.Err() != nil {
		return errStops
	}
	return err
}

func deleteAll(c *client, blobs []blob) error {
	for _, b := range blobs {
		if err := c.delete(context.Background(), b); err != nil {
			return err
		}
	}
	runtime.GC()
	return nil
}

// stall begins an upload that lasts until it is released, and returns after the registry has read a
// part of it.
func stall(c *client) (release func() error, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	b := newBlob(stalledSize, 255)
	location, err := c.begin(ctx, b)
	if err != nil {
		cancel()
		return nil, err
	}
	rest := &silence{ctx: ctx, reached: make(chan struct{})}
	body := io.MultiReader(bytes.NewReader(b.content[:stalledSize-1]), rest)
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, location, body)
	if err != nil {
		cancel()
		return nil, err
	}
	r.ContentLength = stalledSize
	ended := make(chan error, 1)
	go func() {
		res, err := c.http.Do(r)
		if err == nil {
			err = fmt.Errorf("PUT of an incomplete blob: status %d", res.StatusCode)
			res.Body.Close()
		}
		ended <- err
	}()
	select {
	case <-rest.reached:
		return func() error {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}, nil
	case err := <-ended:
		cancel()
		return nil, err
	case <-time.After(10 * patience):
		cancel()
		return nil, errors.Join(errors.New("the registry does not read an upload that is to stall"), <-ended)
	}
}

// silence is the part of a body that does not come while the context lasts.
type silence struct {
	ctx     context.Context
	reached chan struct{}
}

func (s *silence) Read([]byte) (int, error) {
	close(s.reached)
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
