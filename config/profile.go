package config

import (
	"fmt"
	"io"
	"os"

	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
)

const maxText = 1 << 20 // bytes of a file

// Profile returns an option that makes a registry like that of a profile in a file, in YAML or
// JSON. See [ReadProfile].
//
//	reg := registrytest.New(t, config.Profile("testdata/mine.yaml"))
//
// A file that cannot be read, or is not a profile, fails the start of the registry.
func Profile(path string) registrytest.Option {
	p, err := profileFile(path)
	if err != nil {
		return registrytest.WithError(fmt.Errorf("profile %s: %w", path, err))
	}
	return registrytest.WithCustomProfile(p)
}

func profileFile(path string) (*profiles.Profile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, err
	}
	return ReadProfile(text)
}

// ReadProfile reads a profile of a registry:
//
//	name: mine
//	title: Our Artifactory
//	extends: artifactory
//	facts:
//	- trait: tags.page-max
//	  value: 50
//	  seen: a page has at most 50 tags
//	  source: our administrator
//	  grade: D
//
// Package profiles has the traits and their values. ReadProfile returns an error for everything
// that [profiles.Profile.Check] refuses.
func ReadProfile(text []byte) (*profiles.Profile, error) {
	var p profiles.Profile
	if err := yamltext.Decode(text, &p); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &p, nil
}
