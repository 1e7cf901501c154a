package profiles_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

var update = flag.Bool("update", false, "write the embedded JSON of the profiles")

// The embedded JSON is that of the YAML files.
func TestEmbedded(t *testing.T) {
	paths, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var names []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var value json.RawMessage
		require.NoError(t, yamltext.Decode(text, &value), path)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, value))
		compact.WriteByte('\n')
		name := strings.TrimSuffix(path, ".yaml")
		names = append(names, name)
		at := "data/" + name + ".json"
		if *update {
			require.NoError(t, os.WriteFile(at, compact.Bytes(), 0o644))
		}
		have, err := os.ReadFile(at)
		require.NoError(t, err, "run go generate ./profiles")
		assert.Equal(t, compact.String(), string(have), "%s: run go generate ./profiles", path)
	}
	entries, err := os.ReadDir("data")
	require.NoError(t, err)
	assert.Len(t, entries, len(names), "a file without a profile")
}

// Each fact has its evidence, and each profile its settings.
func TestFacts(t *testing.T) {
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		require.NoError(t, err, name)
		assert.Equal(t, name, p.Name)
		assert.NotEmpty(t, p.Title, name)
		seen := map[string]bool{}
		for _, f := range p.Facts {
			at := name + " " + f.Trait
			assert.False(t, seen[f.Trait], "%s: it is there twice", at)
			seen[f.Trait] = true
			assert.NotEmpty(t, f.Seen, at)
			assert.NotEmpty(t, f.Source, at)
			assert.Contains(t, []profiles.Grade{"S", "R", "D", "W", "I", "P"}, f.Grade, at)
			assert.NotEmpty(t, p.Explain(f.Trait), at)
		}
		assert.NoError(t, p.Check(), name)
		text, err := os.ReadFile("data/" + name + ".json")
		require.NoError(t, err)
		read, err := profiles.Read(text)
		require.NoError(t, err, name)
		assert.Len(t, read.Facts, len(p.Facts), name)
	}
}

func TestTraits(t *testing.T) {
	seen := map[string]bool{}
	for _, trait := range profiles.Traits() {
		assert.False(t, seen[trait.Name], trait.Name)
		seen[trait.Name] = true
		assert.NotEmpty(t, trait.About, trait.Name)
		if trait.Kind == profiles.Choice {
			assert.Contains(t, trait.Values, trait.Strict, trait.Name)
		}
	}
	assert.Greater(t, len(seen), 60)
}

func TestFind(t *testing.T) {
	p, err := profiles.Find("docker.io")
	require.NoError(t, err)
	assert.Equal(t, "dockerhub", p.Name)
	_, err = profiles.Find("dockerhud")
	assert.ErrorContains(t, err, "dockerhub")
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"name":"a","facts":[{"trait":"auth.scheme","value":"bearer"},{"trait":"auth.path","value":"/v2/a/tags/list"}]}`: "want a path outside",
		`{"name":"a","facts":[{"trait":"blob.gone","value":"x"}]}`:                                                        "unknown trait",
		`{"name":"a","facts":[{"trait":"blob.mount","value":"often"}]}`:                                                   `"often" is not a value`,
		`{"name":"a","facts":[{"trait":"blob.missing","value":"404  X"}]}`:                                                "want a status",
		`{"name":"a","facts":[{"trait":"tags.page-max","value":0}]}`:                                                      "want a number above 0",
		`{"name":"a","facts":[{"trait":"auth.ttl","value":"5m"}]}`:                                                        "auth.scheme",
		`{"name":"a","facts":[{"trait":"auth.scheme"}]}`:                                                                  "missing",
		`{"name":"a","extends":"b"}`:                                                                                      "there is no profile",
		`{"name":"a","fact":[]}`:                                                                                          "fact",
		`{"name":"a","facts":[{"trait":"ping.body","value":"x","rules":[{"connect":true,"do":["pass"]}]}]}`:               "connections",
	} {
		_, err := profiles.Read([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"ecr", "dockerhub", "artifactory"} {
		text, err := os.ReadFile("data/" + name + ".json")
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := profiles.Read(text)
		if err == nil {
			_, err = p.Settings()
			assert.NoError(t, err)
		}
	})
}

// TestSettingsAreOnesOwn: the settings of an embedded profile are made once, and each caller may
// change its own. A copy of the profile has settings of its facts.
func TestSettingsAreOnesOwn(t *testing.T) {
	p, err := profiles.Find("ghcr")
	require.NoError(t, err)
	one, err := p.Settings()
	require.NoError(t, err)
	before := len(one.Registry.Dialect.Answers)
	one.Registry.Dialect.NoLink, one.Auth.Hide, one.Auth.Token.Service = true, 404, "other"
	one.Registry.Dialect.Answers = append(one.Registry.Dialect.Answers, registry.Answer{})
	one.Auth.Rules, one.Rules = append(one.Auth.Rules, auth.Rule{}), nil
	other, err := p.Settings()
	require.NoError(t, err)
	assert.False(t, other.Registry.Dialect.NoLink)
	assert.Len(t, other.Registry.Dialect.Answers, before)
	assert.NotEqual(t, one.Auth.Hide, other.Auth.Hide)
	assert.Equal(t, "ghcr.io", other.Auth.Token.Service)
	assert.Len(t, other.Auth.Rules, len(one.Auth.Rules)-1)
	assert.NotEmpty(t, other.Rules)

	mine := *p
	mine.Facts = nil
	none, err := mine.Settings()
	require.NoError(t, err)
	assert.Nil(t, none.Auth)
}
