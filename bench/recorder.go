package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"golang.org/x/sync/errgroup"

	"github.com/ocifake/ocifake/internal/recorder"
	serving "github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// recorded is ocifake, which records by default.
var recorded = registries[:1]

// unrecorded is ocifake without its recorder.
var unrecorded = subject{"unrecorded", func() (*server, error) {
	store := memstore.New(memstore.Options{})
	s, err := serving.Start(serving.Config{Registry: registry.New(store, registry.Options{})})
	if err != nil {
		return nil, err
	}
	return &server{url: s.URL(), handler: s.Handler(), store: store, close: s.Close}, nil
}}

// head sends HEAD for a manifest by tag.
func head() workload {
	return onServer(func(s *server, c *client) (*task, error) {
		do := func() error { return c.head(context.Background(), manifestPath(0)) }
		return &task{do: do}, put(s, tags.entry(0))
	})
}

// headsOfClient is the number of requests of each client of a crowd: enough to make the start of
// the clients negligible.
const headsOfClient = 10

// heads sends HEAD for a manifest with all clients concurrently.
func heads() workload {
	return onServer(func(s *server, c *client) (*task, error) {
		all := make([]*client, clients)
		for i := range all {
			all[i] = c.another()
		}
		return &task{do: func() error { return headAll(all) }}, put(s, tags.entry(0))
	})
}

func headAll(all []*client) error {
	group, ctx := errgroup.WithContext(context.Background())
	for _, c := range all {
		group.Go(func() error {
			for range headsOfClient {
				if err := c.head(ctx, manifestPath(0)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func manifestPath(i int) string { return "/v2/" + repository + "/manifests/" + name(i) }

// manifests is the number of manifests that [exchanges] requests. It exceeds the number of headers
// that the recorder caches.
const manifests = 10_000

// exchanges compares a number of exchanges, each for another manifest than those before it, with
// the growth of the heap after they are recorded. It uses no network, and one measurement, because
// the result is deterministic.
func exchanges(n int) comparison {
	return func(_ subject, more func() bool) (pairs []pair, err error) {
		s := &server{store: memstore.New(memstore.Options{})}
		for i := range manifests {
			if err := put(s, entry{repository: repository, tag: name(i), serial: i}); err != nil {
				return nil, err
			}
		}
		for len(pairs) == 0 && more() {
			p, err := recordHeads(registry.New(s.store, registry.Options{}), n)
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, p)
		}
		return pairs, nil
	}
}

func recordHeads(handler http.Handler, n int) (pair, error) {
	before := liveHeap()
	rec := recorder.New(recorder.Options{MaxBytes: 1 << 40})
	handler = rec.Wrap(handler)
	for i := range n {
		if err := headWithin(handler, manifestPath(i%manifests)); err != nil {
			return pair{}, err
		}
	}
	after := liveHeap()
	if dropped := rec.Dropped(); dropped > 0 {
		return pair{}, fmt.Errorf("%d of %d exchanges were dropped", dropped, n)
	}
	return pair{float64(n), after - before}, nil
}

// headWithin sends HEAD to a handler without a network.
func headWithin(handler http.Handler, path string) error {
	r := httptest.NewRequest(http.MethodHead, path, nil)
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Errorf("%s %s: status %d: %s", r.Method, path, w.Code, w.Body)
	}
	return nil
}
