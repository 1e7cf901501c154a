package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Handler returns the registry of a host as a handler that notes which requests ask for what was
// not kept.
func (r *Host) Handler(of *registry.Registry) http.Handler { return &handler{of, r} }

type handler struct {
	*registry.Registry
	replay *Host
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if err := h.replay.Fill(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	q, state := inflight.Begin(q)
	watched := &watching{ResponseWriter: w}
	h.Registry.ServeHTTP(watched, q)
	h.replay.note(state.Info(), watched.status)
}

// watching keeps the status of an answer.
type watching struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *watching) WriteHeader(status int) {
	if w.status < http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach the writer.
func (w *watching) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// maxMissing is the maximum number of entries of what is missing.
const maxMissing = 1000

// note notes a request that asks for what is not in the world.
func (r *Host) note(info *op.Info, status int) {
	path := PathOf(info)
	r.mu.Lock()
	defer r.mu.Unlock()
	if info.Op.Write() && status/100 == 2 {
		r.written[info.Repo] = true
	}
	if path == "" || !r.isMissing(info, path, status) {
		return
	}
	what := info.Repo + "/" + path
	if info.Repo == "" {
		what = path
	}
	if r.missing[what] == 0 && len(r.missing) == maxMissing {
		return
	}
	r.missing[what]++
	if kind, ref, _ := strings.Cut(path, "/"); kind == "manifests" || kind == "blobs" {
		r.asked[what] = asked{info.Repo, ref, kind == "manifests"}
	}
}

// asked is content that a client asked for: a digest, or the tag of a manifest.
type asked struct {
	repo, ref string
	manifest  bool
}

// isMissing reports whether an answer is not the one that the host would have given.
func (r *Host) isMissing(info *op.Info, path string, status int) bool {
	switch {
	case info.Op == op.RepositoryList:
		return status == http.StatusOK && len(r.answers.Repositories) == 0
	case slices.Contains(r.answers.Absent[info.Repo], path):
		return false
	case info.Op == op.TagList:
		return r.answers.Tags[info.Repo] == nil && !r.written[info.Repo] && (status == http.StatusOK || status == http.StatusNotFound)
	case info.Op == op.ReferrerList:
		return !slices.Contains(r.answers.Referrers[info.Repo], info.Digest) && !r.written[info.Repo] && (status == http.StatusOK || status == http.StatusNotFound)
	}
	return status == http.StatusNotFound
}

// Missing returns what clients asked for and is not in the world, sorted, and what is damaged in it.
// Content that a client has pushed is not missing.
func (w *World) Missing() []string {
	var list []string
	for _, r := range w.Hosts {
		r.mu.Lock()
		var missing []string
		for what := range r.missing {
			missing = append(missing, what)
		}
		sort.Strings(missing)
		for _, what := range missing {
			if p, ok := r.asked[what]; ok && r.has(p) {
				continue
			}
			text := fmt.Sprintf("%s/%s (%d)", r.StandIn, what, r.missing[what])
			if p, ok := r.asked[what]; ok && r.answers.Replaced[digest.Digest(p.ref)] != "" {
				text += ": the world is shallow, and has " + r.answers.Replaced[digest.Digest(p.ref)] + " in its place"
			}
			list = append(list, text)
		}
		for _, what := range r.damaged {
			list = append(list, fmt.Sprintf("%s: damaged: %s", r.StandIn, what))
		}
		r.mu.Unlock()
	}
	return list
}

func (r *Host) has(p asked) bool {
	ctx := context.Background()
	if p.manifest {
		_, err := r.into.Manifest(ctx, p.repo, p.ref)
		return err == nil
	}
	for b, err := range r.into.Blobs(ctx, p.repo, "") {
		if err == nil && string(b.Digest) == p.ref {
			return true
		}
	}
	return false
}

// Store returns a store of the host, whose lists have also the names that the host has listed. The
// content of names that were only listed is missing.
func (r *Host) Store(next registry.Store) registry.Store { return listing{next, r} }

type listing struct {
	registry.Store
	replay *Host
}

// Tags implements [registry.Store].
func (l listing) Tags(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
	var names []registry.Tag
	for _, name := range from(l.replay.answers.Tags[repo], after) {
		names = append(names, registry.Tag{Name: name})
	}
	return union(l.Store.Tags(ctx, repo, after), names, func(t registry.Tag) string { return t.Name })
}

// Repositories implements [registry.Store].
func (l listing) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	return union(l.Store.Repositories(ctx, after), from(l.replay.answers.Repositories, after), func(name string) string { return name })
}

// PutManifest implements [registry.Store]. What a kept manifest of the repository refers to is there at
// the host, whether or not it was kept: a client can tag the manifest, or add to an index.
func (l listing) PutManifest(ctx context.Context, repo string, p registry.PutManifest) error {
	p.Require = slices.DeleteFunc(slices.Clone(p.Require), func(r registry.Reference) bool { return l.replay.referred[reference{repo, r.Digest}] })
	return l.Store.PutManifest(ctx, repo, p)
}

// from returns the names of a sorted list after one.
func from(names []string, after string) []string {
	i, found := slices.BinarySearch(names, after)
	if found && after != "" {
		i++
	}
	return names[i:]
}

// union returns two sorted lists as one. A name in both is that of the first. A repository that only
// the second has is none that is unknown.
func union[T any](first iter.Seq2[T, error], second []T, name func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for entry, err := range first {
			if errors.Is(err, registry.NameUnknown) && len(second) > 0 {
				break
			}
			if err != nil {
				yield(entry, err)
				return
			}
			for len(second) > 0 && strings.Compare(name(second[0]), name(entry)) < 0 {
				if !yield(second[0], nil) {
					return
				}
				second = second[1:]
			}
			if len(second) > 0 && name(second[0]) == name(entry) {
				second = second[1:]
			}
			if !yield(entry, nil) {
				return
			}
		}
		for _, entry := range second {
			if !yield(entry, nil) {
				return
			}
		}
	}
}
