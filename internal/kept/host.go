package kept

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Upstream is the handler that reaches a host.
type Upstream interface {
	http.Handler
	Address(http.Handler) http.Handler // gives requests for redirected content their facts
	Direct() http.Handler              // logs in itself
}

// Host is a host that is being kept. Its methods are safe for concurrent use.
type Host struct {
	replay.StandIn
	Upstream Upstream // reads what passed only in part

	dir        string
	store      *layoutstore.Store
	completing atomic.Bool // what passes now was not asked for by a client

	mu        sync.Mutex // guards what follows
	manifests map[place]manifest
	size      int64 // of all manifests
	tags      map[tagged]digest.Digest
	needs     map[place]need
	failures  map[string]string // why, by path
	logins    map[string]string // by repository: the last Authorization of a client that was accepted
	absent    map[tagged]bool   // paths below a repository
	answers   struct {
		repositories map[string]bool
		tags         map[string]map[string]bool
		referrers    map[string]map[digest.Digest]bool
	}
	secrets  secrets
	log      []*record.Exchange
	captured int // bytes of bodies in the log
}

// place is content in a repository: a digest, or the tag of a manifest.
type place struct {
	repo, ref string
	manifest  bool
}

// path is the path in the API, below the repository.
func (p place) path() string {
	if p.manifest {
		return "manifests/" + p.ref
	}
	return "blobs/" + p.ref
}

// tagged is a tag, or a path, in a repository.
type tagged struct{ repo, name string }

// manifest is a manifest that passed.
type manifest struct {
	mediaType string
	content   []byte
}

// need is why the content at a place must be read at the end.
type need string

func newHost(name replay.StandIn, dir string, store *layoutstore.Store) *Host {
	h := &Host{StandIn: name, dir: dir, store: store,
		manifests: map[place]manifest{}, tags: map[tagged]digest.Digest{}, needs: map[place]need{},
		secrets: secrets{}, failures: map[string]string{}, logins: map[string]string{}, absent: map[tagged]bool{}}
	h.answers.repositories = map[string]bool{}
	h.answers.tags = map[string]map[string]bool{}
	h.answers.referrers = map[string]map[digest.Digest]bool{}
	return h
}

// Limits of what is kept of a host.
const (
	maxNames     = 200_000   // tags, subjects, absent paths and manifests
	maxManifests = 256 << 20 // bytes of all manifests, which are in memory
	maxManifest  = 16 << 20
)

// fail notes what went wrong at a path.
func (h *Host) fail(path, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failures) < maxNames {
		h.failures[path] = why
	}
}

// require notes content that must be there at the end.
func (h *Host) require(p place, why need) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.needs[p]; !ok && len(h.needs) < maxNames {
		h.needs[p] = why
	}
}

// keepManifest keeps a manifest that has passed as a whole.
func (h *Host) keepManifest(p place, mediaType string, content []byte, named digest.Digest) error {
	d := digest.Digest(p.ref)
	isTag := !strings.Contains(p.ref, ":")
	if isTag {
		d = digest.FromBytes(content)
		if named != "" && op.ValidDigest(named) {
			d = named
		}
	}
	if !op.ValidDigest(d) {
		return fmt.Errorf("%q is not a sha256 or sha512 digest", d)
	}
	if got := d.Algorithm().FromBytes(content); got != d {
		return fmt.Errorf("the content does not verify: its digest is %s, not %s", got, d)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := place{p.repo, string(d), true}
	if _, ok := h.manifests[at]; !ok {
		if h.size += int64(len(content)); h.size > maxManifests || len(h.manifests) >= maxNames {
			return errors.New("there are too many manifests: keep less at a time")
		}
		h.manifests[at] = manifest{mediaType, content}
	}
	if isTag {
		h.tags[tagged{p.repo, p.ref}] = d
	}
	delete(h.needs, p)
	delete(h.needs, at)
	return nil
}

// arrived notes that a path was answered.
func (h *Host) arrived(repo, path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.absent, tagged{repo, path})
	delete(h.failures, repo+"/"+path)
}

// collected returns the answers in the order of the file.
func (h *Host) collected() replay.Answers {
	a := replay.Answers{Tags: map[string][]string{}, Referrers: map[string][]digest.Digest{}, Absent: map[string][]string{}}
	a.Repositories = slices.Sorted(maps.Keys(h.answers.repositories))
	for repo, tags := range h.answers.tags {
		a.Tags[repo] = append([]string{}, slices.Sorted(maps.Keys(tags))...)
	}
	for repo, subjects := range h.answers.referrers {
		a.Referrers[repo] = slices.Sorted(maps.Keys(subjects))
	}
	absent := slices.SortedFunc(maps.Keys(h.absent), func(a, b tagged) int { return cmp.Or(cmp.Compare(a.repo, b.repo), cmp.Compare(a.name, b.name)) })
	for _, at := range absent {
		a.Absent[at.repo] = append(a.Absent[at.repo], at.name)
	}
	return a
}
