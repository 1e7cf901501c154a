package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// work is a client at work on an image under a fault.
type work struct {
	*session
	client client
	image  content
	under  string          // what the client writes before the names of repositories
	dir    string          // that it has pulled into
	digest digest.Digest   // that it has resolved
	tags   []string        // that it has listed
	found  []digest.Digest // referrers
	other  content         // a second image
}

// deed is something that a client does. What must be there before is put there
// while the registry is well, and the check looks at it when it is well again.
type deed struct {
	name    string
	prepare func(*work)
	do      func(*work) error
	check   func(*work) error
}

const (
	knownRepo = "known/app"
	otherRepo = "known/other"
)

func (w *work) v1() string { return w.ref(w.under+knownRepo, "v1") }

var (
	pulling = deed{"pull", there, func(w *work) error {
		w.dir = w.t.TempDir()
		return w.client.pull(w.session, w.v1(), w.dir)
	}, pulled}
	resolving = deed{"resolve", there, func(w *work) (err error) {
		w.digest, err = w.client.resolve(w.session, w.v1())
		return err
	}, resolved}
	pushing      = deed{"push", nothing, push, func(w *work) error { return w.stored(knownRepo, w.image) }}
	pushingOne   = deed{"push one blob", allButOne, push, pushing.check}
	pushingLarge = deed{"push a large blob", largeLayer, push, pushing.check}
	moving       = deed{"move the tag", another, pushOther, pushing.check}
	retagging    = deed{"push and resolve", another, func(w *work) error {
		if err := pushOther(w); err != nil {
			return err
		}
		return resolving.do(w)
	}, resolved}
	checking = deed{"push and resolve by digest", another, func(w *work) (err error) {
		if err := pushOther(w); err != nil {
			return err
		}
		w.digest, err = w.client.resolve(w.session, w.ref(w.under+knownRepo, w.image.root.Digest.String()))
		return err
	}, resolved}
	copying = deed{"copy", there, func(w *work) error {
		return w.client.copy(w.session, w.v1(), w.ref(w.under+otherRepo, "v1"))
	}, func(w *work) error { return w.stored(otherRepo, w.image) }}
	listing = deed{"tags", threeTags, func(w *work) (err error) {
		w.tags, err = w.client.tags(w.session, w.under+knownRepo)
		return err
	}, func(w *work) error { return w.listed("v1", "v2", "v3") }}
	listingNone = deed{"no tags", there, listing.do, func(w *work) error { return w.listed() }}
	attaching   = deed{"attach and list", there, func(w *work) error {
		if err := w.client.attach(w.session, w.v1(), sbomType); err != nil {
			return err
		}
		return listReferrers(w)
	}, func(w *work) error {
		if len(w.found) != 1 {
			return fmt.Errorf("found %d referrers", len(w.found))
		}
		return nil
	}}
	findingNone = deed{"no referrers", there, listReferrers, func(w *work) error {
		if len(w.found) > 0 {
			return fmt.Errorf("found %d referrers", len(w.found))
		}
		return nil
	}}
)

func nothing(*work) {}

// there pushes the image.
func there(w *work) { w.put("v1") }

// allButOne puts all blobs of the image but one into the repository, so that no other
// upload is on the connection that is cut.
func allButOne(w *work) {
	for d, data := range w.image.blobs {
		if d != w.image.root.Digest && len(data) != smallLayer {
			w.registry.PushBlob(w.t, knownRepo, bytes.NewReader(data))
		}
	}
}

// largeLayer makes an image with a layer that is longer than a large chunk.
func largeLayer(w *work) {
	b := newBuilder(w.t, digest.SHA256)
	w.image = b.close("v1", b.layered("amd64", random(largeChunk+smallLayer, w.t.Name())))
}

// another pushes the image, and makes another one.
func another(w *work) {
	there(w)
	w.other = newSmallImage(w.t, "v2")
}

// pushOther pushes the other image to the tag of the first.
func pushOther(w *work) error {
	w.image = w.other
	return push(w)
}

func threeTags(w *work) {
	for _, tag := range []string{"v1", "v2", "v3"} {
		w.put(tag)
	}
}

func (w *work) put(tag string) {
	require.NoError(w.t, ggcrPush(w.session, w.image, w.ref(knownRepo, tag)))
}

func push(w *work) error { return w.client.push(w.session, w.image, w.v1()) }

func listReferrers(w *work) (err error) {
	w.found, err = w.client.referrers(w.session, w.ref(w.under+knownRepo, w.image.root.Digest.String()), sbomType)
	return err
}

func pulled(w *work) error { return differs(readBlobs(w.t, w.dir), w.image) }

func resolved(w *work) error {
	if w.digest != w.image.root.Digest {
		return fmt.Errorf("resolved to another digest")
	}
	return nil
}

func (w *work) listed(want ...string) error {
	got := slices.Sorted(slices.Values(w.tags))
	if !slices.Equal(got, want) {
		return fmt.Errorf("listed %q", got)
	}
	return nil
}

// differs tells what of a content is missing, every byte of it.
func differs(got map[digest.Digest][]byte, want content) error {
	for _, d := range slices.Sorted(maps.Keys(want.blobs)) {
		if data, ok := got[d]; !ok {
			return errors.New("content is missing")
		} else if string(data) != string(want.blobs[d]) {
			return errors.New("content differs")
		}
	}
	return nil
}

// stored tells what of a content the registry does not have, under the tag v1.
func (w *work) stored(repo string, want content) error {
	store, got := w.registry.Store(), map[digest.Digest][]byte{}
	m, err := store.Manifest(w.t.Context(), repo, "v1")
	if err != nil {
		return fmt.Errorf("not stored: %w", err)
	}
	got[m.Descriptor.Digest] = m.Content
	for d := range want.blobs {
		blob, err := store.OpenBlob(w.t.Context(), repo, d)
		if errors.Is(err, registry.BlobUnknown) {
			continue
		}
		require.NoError(w.t, err)
		got[d], err = io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		require.NoError(w.t, err)
		require.NoError(w.t, blob.Close())
	}
	return differs(got, want)
}

// smallLayer is the size of one of the layers of a small image.
const smallLayer = 3000

// newSmallImage makes an image of which every blob is longer than what a known fault
// lets through.
func newSmallImage(t *testing.T, tag string) content {
	t.Helper()
	b := newBuilder(t, digest.SHA256)
	return b.close(tag, b.layered("amd64", random(4096, t.Name(), tag, "1"), random(smallLayer, t.Name(), tag, "2")))
}
