package lint_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/registrytest"
)

// world is a registry in which a scenario takes place, with what a client has found in it.
type world struct {
	t   testing.TB
	reg *registrytest.Registry

	another func() *client // returns a right client of the registry
	sizes                  // of a push in chunks
	asItIs  bool           // the scenario must not change how the registry is

	got   []*object
	data  []byte
	names []string
}

// sizes are those of a push in chunks.
type sizes struct {
	big   *object
	chunk int
}

// put puts an object into the registry, without a request.
func (w *world) put(repo, tag string, o *object) {
	for _, child := range o.children {
		w.put(repo, "", child)
	}
	for _, b := range o.blobs {
		w.reg.PushBlob(w.t, repo, bytes.NewReader(b.data))
	}
	if tag != "" {
		repo += ":" + tag
	}
	w.reg.PushManifest(w.t, repo, o.MediaType, o.data)
}

// inject adds rules that need not fire.
func (w *world) inject(rules ...faults.Rule) {
	for _, rule := range rules {
		w.reg.Inject(w.t, rule.Optional())
	}
}

// change adds rules that make the strict registry like others.
func (w *world) change(rules ...faults.Rule) {
	if !w.asItIs {
		w.inject(rules...)
	}
}

// has returns an error if the registry lacks a part of an object.
func (w *world) has(repo, tag string, o *object) error {
	if tag == "" {
		tag = string(o.Digest)
	}
	store, ctx := w.reg.Store(), context.Background()
	m, err := store.Manifest(ctx, repo, tag)
	if err != nil {
		return err
	}
	if !bytes.Equal(m.Content, o.data) || m.Descriptor.MediaType != o.MediaType {
		return fmt.Errorf("%s:%s is another manifest", repo, tag)
	}
	for _, b := range o.blobs {
		opened, err := store.OpenBlob(ctx, repo, b.Digest)
		if err != nil {
			return err
		}
		size := opened.Size()
		opened.Close()
		if size != b.Size {
			return fmt.Errorf("%s has %d bytes", b.Digest, size)
		}
	}
	for _, child := range o.children {
		if err := w.has(repo, "", child); err != nil {
			return err
		}
	}
	return nil
}

// stored returns a check that the registry has an object.
func stored(repo, tag string, o *object) func(*world) error {
	return func(w *world) error { return w.has(repo, tag, o) }
}

// pulled returns a check that the client has read the objects.
func pulled(want ...*object) func(*world) error {
	return func(w *world) error {
		if len(w.got) != len(want) {
			return fmt.Errorf("%d objects, not %d", len(w.got), len(want))
		}
		for i, o := range want {
			if err := same(w.got[i], o); err != nil {
				return err
			}
		}
		return nil
	}
}

func same(got, want *object) error {
	if !bytes.Equal(got.data, want.data) || len(got.blobs) != len(want.blobs) || len(got.children) != len(want.children) {
		return fmt.Errorf("%s is not %s", got.Digest, want.Digest)
	}
	for i := range got.blobs {
		if !bytes.Equal(got.blobs[i].data, want.blobs[i].data) {
			return fmt.Errorf("blob %d of %s is wrong", i, want.Digest)
		}
	}
	for i := range got.children {
		if err := same(got.children[i], want.children[i]); err != nil {
			return err
		}
	}
	return nil
}

// named returns a check that the client has found these names.
func named(want ...string) func(*world) error {
	return func(w *world) error {
		if got := slices.Sorted(slices.Values(w.names)); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	}
}

// attached checks that a right client finds the artifact, and the one that was there before.
func attached(w *world) error {
	for _, want := range []*object{sbom, mark} {
		all, err := w.another().artifacts("app", "v1", want.ArtifactType)
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("%d referrers of the type %s, not 1", len(all), want.ArtifactType)
		}
	}
	return nil
}

// pulls returns a step that pulls tags of app.
func pulls(tags ...string) func(*client, *world) error {
	return func(c *client, w *world) error {
		for _, tag := range tags {
			o, err := c.pull("app", tag)
			if err != nil {
				return err
			}
			w.got = append(w.got, o)
		}
		return nil
	}
}

// pushes returns a step that pushes an object.
func pushes(repo, tag string, o *object) func(*client, *world) error {
	return func(c *client, w *world) error { return c.push(repo, tag, o) }
}

func pushBig(c *client, w *world) error {
	c.chunk = w.chunk
	return c.push("app", "v1", w.big)
}

func storedBig(w *world) error { return w.has("app", "v1", w.big) }

// puts returns a setup with an object in the registry.
func puts(repo, tag string, o *object) func(*world) {
	return func(w *world) { w.put(repo, tag, o) }
}
