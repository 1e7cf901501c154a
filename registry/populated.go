package registry

import (
	"sync"

	"github.com/ocifake/ocifake/internal/recent"
)

// Repositories that only manifests make known.

// maxPopulated is the number of repositories that are remembered.
const maxPopulated = 10_000

// populated are the repositories from which manifests were deleted, of a registry that does not know
// those with blobs alone.
type populated struct {
	mu  sync.Mutex
	all *recent.Map[string, bool]
}

func (p *populated) has(repo string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all != nil && p.all.Get(repo)
}

func (p *populated) add(repo string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = recent.NewMap[string, bool](maxPopulated)
	}
	p.all.Set(repo, true)
}

// refuseBlobsOnly refuses what is asked of a repository that never had a manifest, where that makes
// it unknown.
func (c *call) refuseBlobsOnly() error {
	if !c.options.dialect.HideBlobs || c.options.speech.populated.has(c.info.Repo) {
		return nil
	}
	if none, err := c.hasNoManifests(); !none {
		return err
	}
	c.state.AddTrait("repository.blobs-only")
	return c.unknownRepository()
}

// hasNoManifests reports whether the repository has no manifests.
func (c *call) hasNoManifests() (bool, error) {
	for _, err := range c.store.Manifests(c.ctx(), c.info.Repo, "") {
		return false, err
	}
	return true, nil
}

// notePopulated notes that a repository had a manifest.
func (c *call) notePopulated() {
	if c.options.dialect.HideBlobs {
		c.options.speech.populated.add(c.info.Repo)
	}
}
