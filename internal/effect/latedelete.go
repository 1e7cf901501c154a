package effect

import (
	"context"
	"errors"
	"net/http"
	"sort"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// LateDelete keeps deleted content visible for a while.
type LateDelete struct{ LagArgs }

func (LateDelete) Kind() string { return "late-delete" }

func (LateDelete) early() string { return actsOnRequest + ": it acts on deletes that succeed" }

func (LateDelete) needs() need { return needStore }

func (e LateDelete) check() error { return e.LagArgs.check() }

func (LateDelete) actsOn() filter.Ops {
	return filter.OpsOf(op.BlobDelete, op.ManifestDelete, op.TagDelete)
}

// prospect is not surely: it acts on the requests that still see the content.
func (LateDelete) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (LateDelete) finds(ctx context.Context, store registry.Store, info *op.Info) bool {
	if info.Op != op.BlobDelete {
		_, err := store.Manifest(ctx, info.Repo, reference(info))
		return err == nil
	}
	return hasBlob(ctx, store, info.Repo, info.Digest)
}

// reference returns the reference of a manifest, as a Store takes it.
func reference(info *op.Info) string {
	if info.Tag != "" {
		return info.Tag
	}
	return string(info.Digest)
}

func (e LateDelete) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	deleted, err := x.deleted(r.Context())
	if err != nil {
		x.fail(w, r, err)
		return
	}
	kept := false
	defer func() {
		for _, l := range deleted {
			if l.blob != nil && !kept {
				l.blob.release()
			}
		}
	}()
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if kept = status == http.StatusAccepted && len(deleted) > 0 && x.start(); !kept {
			return status
		}
		lease := newLease(e.LagArgs)
		lease.acted = x.acted()
		for key, l := range deleted {
			l.left, l.until, l.acted = lease.left, lease.until, lease.acted
			x.env.veil.add(key, l)
		}
		return status
	}
	out.serve(r, next)
}

// deleted returns what a request is going to delete: nothing if that does not exist.
func (x *Exchange) deleted(ctx context.Context) (map[veiled]lease, error) {
	repo, store := x.info.Repo, x.env.store
	if x.info.Op == op.BlobDelete {
		blob, err := store.OpenBlob(ctx, repo, x.info.Digest)
		if err != nil {
			return nil, unlessUnknown(err)
		}
		return map[veiled]lease{{deletedBlob, repo, string(x.info.Digest)}: {blob: &keptBlob{Blob: blob, uses: 1}}}, nil
	}
	m, err := store.Manifest(ctx, repo, reference(x.info))
	if err != nil {
		return nil, unlessUnknown(err)
	}
	if x.info.Tag != "" {
		return map[veiled]lease{{deletedTag, repo, x.info.Tag}: {before: &m}}, nil
	}
	all := map[veiled]lease{{deletedManifest, repo, string(m.Descriptor.Digest)}: {before: &m}}
	for tag, err := range store.Tags(ctx, repo, "") {
		if err != nil {
			return nil, unlessUnknown(err)
		}
		if tag.Digest == m.Descriptor.Digest {
			all[veiled{deletedTag, repo, tag.Name}] = lease{before: &m}
		}
	}
	return all, nil
}

// unlessUnknown returns nil for the errors of content that does not exist.
func unlessUnknown(err error) error {
	if errors.Is(err, registry.BlobUnknown) || errors.Is(err, registry.ManifestUnknown) || errors.Is(err, registry.NameUnknown) {
		return nil
	}
	return err
}

// keptBlob is an open blob with several users. The last one closes it.
type keptBlob struct {
	registry.Blob
	mu   sync.Mutex
	uses int
}

// open returns the blob for one more user.
func (b *keptBlob) open() registry.Blob {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uses++
	return &openedBlob{Blob: b.Blob, close: sync.OnceValue(b.release)}
}

func (b *keptBlob) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.uses--; b.uses > 0 {
		return nil
	}
	return b.Blob.Close()
}

type openedBlob struct {
	registry.Blob
	close func() error
}

// Close implements [registry.Blob].
func (b *openedBlob) Close() error { return b.close() }

// deletedTags returns the deleted tags of a repository that still show, after a tag, sorted.
func (v *veil) deletedTags(repo, after string) map[string]digest.Digest {
	v.mu.Lock()
	defer v.mu.Unlock()
	tags := map[string]digest.Digest{}
	for key, l := range v.leases {
		if key.kind == deletedTag && key.repo == repo && key.name > after && !l.over() {
			tags[key.name] = l.before.Descriptor.Digest
		}
	}
	return tags
}

// withDeleted adds the deleted tags that still show to a list of tags.
func (s *faultyStore) withDeleted(repo, after string, yield func(registry.Tag, error) bool) (add func(upTo string) bool) {
	tags := s.env.veil.deletedTags(repo, after)
	names := make([]string, 0, len(tags))
	for name := range tags {
		names = append(names, name)
	}
	sort.Strings(names)
	return func(upTo string) bool {
		for len(names) > 0 && (upTo == "" || names[0] <= upTo) {
			name := names[0]
			names = names[1:]
			if name == upTo {
				continue // it was pushed again
			}
			if s.hides(deletedTag, repo, name) && !yield(registry.Tag{Name: name, Digest: tags[name]}, nil) {
				return false
			}
		}
		return true
	}
}
