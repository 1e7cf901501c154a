package main

import (
	"errors"

	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/memstore"
)

// storeFlag is the value of --store: a directory, with an optional repository.
type storeFlag struct{ load }

func (s *storeFlag) Type() string   { return "[REPO=]DIR" }
func (s *storeFlag) String() string { return "" }

func (s *storeFlag) Set(text string) error {
	if s.path != "" {
		return errors.New("give one directory")
	}
	var parsed loads
	if err := parsed.Set(text); err != nil {
		return errors.New("want DIR or REPO=DIR")
	}
	s.load = parsed[0]
	return nil
}

// checkStore checks the combinations of the flags of the store.
func (c *serveConfig) checkStore() error {
	switch {
	case c.directory.path == "" && c.adopt:
		return errors.New("--adopt needs --store")
	case c.adopt && c.registry.ReadOnly:
		return errors.New("--adopt excludes --read-only")
	case c.directory.path != "" && c.store.MaxBytes != 0 && len(c.stand.hosts) == 0:
		return errors.New("--store excludes --max-bytes, which is for content in memory")
	}
	return nil
}

// openStore opens the content of the registry.
func (f *fixture) openStore() (err error) {
	c := f.config
	if c.directory.path == "" {
		f.store = memstore.New(c.store)
		return nil
	}
	f.directory, err = layoutstore.Open(c.directory.path, layoutstore.Options{
		ReadOnly: c.registry.ReadOnly, Adopt: c.adopt, Repository: c.directory.repository,
		MaxUploads: c.store.MaxUploads, UploadTTL: c.store.UploadTTL,
	})
	if err != nil {
		return err
	}
	if f.directory.ReadOnly() && !c.registry.ReadOnly {
		f.log.Warn("the content is read-only, because ocifake did not make this layout: allow changes by --adopt", "directory", c.directory.path)
		c.registry.ReadOnly = true
	}
	f.store = f.directory
	return nil
}
