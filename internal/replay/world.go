// Package replay replays what package kept has kept in a directory, without a network, and has the
// names of hosts for which a registry stands in.
//
//	world, err := replay.Open("testdata/world")
//
// A kept directory may come from anybody. Its files are read within bounds, names are checked, links
// do not lead out of it, and content is verified before its first byte is served. It is not changed:
// pushes go to memory.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// World is a kept world that is replayed.
type World struct {
	Hosts []*Host // sorted by name
}

// Open opens the world in a directory. It checks the names and the files of the hosts; content is
// read and verified when it is requested.
func Open(dir string) (_ *World, err error) {
	w := &World{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open the kept world %s: %w", dir, err), w.Close())
		}
	}()
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, old := os.Lstat(dir + ".old"); old == nil {
			return nil, fmt.Errorf("it does not exist, and %s.old does: keeping was interrupted: rename it", dir)
		}
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	c, err := ReadContents(root)
	if err != nil {
		return nil, err
	}
	sort.Strings(c.Hosts)
	for _, name := range c.Hosts {
		r, err := openHost(root, dir, name, c.Shallow)
		if err != nil {
			return w, fmt.Errorf("host %s: %w", name, err)
		}
		w.Hosts = append(w.Hosts, r)
	}
	return w, nil
}

// Close closes the files. The servers of the hosts must be closed.
func (w *World) Close() error {
	var errs []error
	for _, r := range w.Hosts {
		errs = append(errs, r.layout.Close())
	}
	return errors.Join(errs...)
}

// Host is a host of a kept world. Its methods are safe for concurrent use.
type Host struct {
	StandIn
	Profile []byte // the text of profile.yaml; nil: there is none

	layout  *layout
	answers Answers
	shallow bool
	into    *memstore.Store
	initial atomic.Pointer[memstore.Store]

	referred map[reference]bool // what kept manifests refer to; not changed after Fill
	filled   func() error

	mu      sync.Mutex
	missing map[string]int // requests by what they asked for
	asked   map[string]asked
	written map[string]bool // repositories to which a client has pushed
	damaged []string
}

// reference is content in a repository that a manifest refers to.
type reference struct {
	repo   string
	digest digest.Digest
}

func openHost(root *os.Root, dir, name string, shallow bool) (*Host, error) {
	host, err := ParseHost(name)
	if err != nil {
		return nil, err
	}
	sub := DirectoryOf(name)
	info, err := root.Lstat(sub)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", sub)
	}
	r := &Host{StandIn: host, shallow: shallow, missing: map[string]int{}, asked: map[string]asked{}, written: map[string]bool{}, referred: map[reference]bool{}}
	r.filled = sync.OnceValue(func() error {
		err := r.fill()
		if err != nil {
			_ = r.damage(err.Error())
		}
		return err
	})
	if r.answers, err = readAnswers(root, sub+"/"+AnswersFile); err != nil {
		return nil, err
	}
	r.Profile, err = readFile(root, sub+"/"+ProfileFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", ProfileFile, err)
	}
	r.layout, err = openLayout(root, dir, sub)
	return r, err
}

// Into makes the content of the host that of an empty store when it is first needed. It must be called
// once, before a request is served.
func (r *Host) Into(store *memstore.Store) { r.into = store }

// Initial returns the content of the host without the changes of clients, or nil until [Host.Fill] has
// returned.
func (r *Host) Initial() *memstore.Store { return r.initial.Load() }

// Fill puts the content into the store, unless that is done.
func (r *Host) Fill() error {
	if err := r.filled(); err != nil {
		return fmt.Errorf("the kept host %s: %w", r.StandIn, err)
	}
	return nil
}

// maxStored is the maximum size in bytes of a kept manifest.
const maxStored = 64 << 20

func (r *Host) fill() error {
	ctx := context.Background()
	from, err := r.layout.content()
	if err != nil {
		return err
	}
	for repo, err := range from.Repositories(ctx, "") {
		if err != nil {
			return err
		}
		if err := r.fillRepository(ctx, from, repo); err != nil {
			return fmt.Errorf("repository %s: %w", repo, err)
		}
	}
	for d, g := range r.answers.Generated {
		made := sync.OnceValues(func() (content.Layer, error) { return content.GenerateLayer(ctx, g.Seed, g.Size) })
		for _, repo := range g.Repositories {
			err := r.into.AddBlob(ctx, repo, ocispec.Descriptor{Digest: d, Size: g.Size}, func() (registry.Blob, error) {
				layer, err := made()
				if err == nil && (layer.Digest != d || layer.Size() != g.Size) {
					err = r.damage(fmt.Sprintf("%s of the generated layer %s: the seed and the size give another one", AnswersFile, d))
				}
				if err != nil {
					return nil, err
				}
				return registry.NewBlob(layer, g.Size), nil
			})
			if err != nil {
				return err
			}
		}
	}
	r.initial.Store(r.into.Clone())
	return nil
}

func (r *Host) fillRepository(ctx context.Context, from *memstore.Store, repo string) error {
	for b, err := range from.Blobs(ctx, repo, "") {
		if err == nil {
			err = r.into.AddBlob(ctx, repo, b, r.opener(b))
		}
		if err != nil {
			return err
		}
	}
	tags := map[digest.Digest][]string{}
	for t, err := range from.Tags(ctx, repo, "") {
		if err != nil {
			return err
		}
		tags[t.Digest] = append(tags[t.Digest], t.Name)
	}
	for d, err := range from.Manifests(ctx, repo, "") {
		if err != nil {
			return err
		}
		if d.Size > maxStored {
			return fmt.Errorf("manifest %s has %d bytes: want at most %d", d.Digest, d.Size, maxStored)
		}
		m, err := from.Manifest(ctx, repo, string(d.Digest))
		if err != nil {
			return err
		}
		p, _, err := content.AsStored(ctx, from, repo, m)
		if err != nil {
			return err
		}
		for _, required := range p.Require {
			r.referred[reference{repo, required.Digest}] = true
		}
		p.Require, p.Tags = nil, tags[d.Digest]
		err = r.into.AddManifest(ctx, repo, p, func() ([]byte, error) {
			m, err := from.Manifest(ctx, repo, string(d.Digest))
			return m.Content, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// opener returns a function that opens a blob. It reads the file once, to verify the content before
// its first byte is served.
func (r *Host) opener(blob ocispec.Descriptor) func() (registry.Blob, error) {
	d := blob.Digest
	verified := sync.OnceValue(func() error {
		b, err := r.layout.OpenBlob(d, blob.Size)
		if err != nil {
			return r.damage(fmt.Sprintf("blob %s: %v (if Git LFS has it, run git lfs pull)", d, err))
		}
		hash := d.Algorithm().Hash()
		_, err = io.Copy(hash, io.NewSectionReader(b, 0, b.Size()))
		if err = errors.Join(err, b.Close()); err == nil && digest.NewDigest(d.Algorithm(), hash) != d {
			err = r.damage(fmt.Sprintf("blob %s: the file has other content", d))
		}
		return err
	})
	return func() (registry.Blob, error) {
		if err := verified(); err != nil {
			return nil, err
		}
		return r.layout.OpenBlob(d, blob.Size)
	}
}

// maxDamaged is the maximum number of damages that are listed for a host.
const maxDamaged = 20

// damage notes that the directory does not have what it says, and returns that as an error.
func (r *Host) damage(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.damaged) < maxDamaged {
		r.damaged = append(r.damaged, what)
	}
	return errors.New(what)
}
