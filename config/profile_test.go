package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/registrytest"
)

const mine = `
name: mine
title: Our registry
extends: harbor
facts:
- {trait: tags.page-max, value: 50, seen: a page has at most 50 tags, source: our administrator, grade: D}
`

func TestProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(path, []byte(mine), 0o600))
	reg := registrytest.New(t, config.Profile(path))
	assert.Equal(t, 50, reg.Options().PageSize)
	assert.Equal(t, "mine", reg.Profile().Name)
}

func TestProfileRefused(t *testing.T) {
	_, err := registrytest.Start(config.Profile("testdata/none.yaml"))
	assert.ErrorContains(t, err, "none.yaml")
	_, err = config.ReadProfile([]byte("name: a\nfacts: [{trait: blob.gone, value: x}]"))
	assert.ErrorContains(t, err, "unknown trait")
}

func ExampleReadProfile() {
	p, err := config.ReadProfile([]byte(mine))
	if err != nil {
		fmt.Println(err)
		return
	}
	facts, err := p.AllFacts()
	fmt.Println(p.Name, facts[0].Trait, facts[0].Value, len(facts) > 1, err)
	// Output: mine tags.page-max 50 true <nil>
}
