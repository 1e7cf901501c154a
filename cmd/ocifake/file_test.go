package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "url")
	require.NoError(t, os.WriteFile(name, []byte("what was there before"), 0o600))
	before, err := os.Stat(name)
	require.NoError(t, err)

	require.NoError(t, writeFile(t.Context(), name, []byte("new")))

	got, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
	after, err := os.Stat(name)
	require.NoError(t, err)
	assert.False(t, os.SameFile(before, after), "the file was written in place")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestWriteFileLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "directory")
	require.NoError(t, os.Mkdir(name, 0o700))
	assert.Error(t, writeFile(t.Context(), name, []byte("new")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestRemoveStale(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "url")
	require.NoError(t, removeStale(""))
	require.NoError(t, removeStale(name), "nothing is there")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, removeStale(name))
	assert.NoFileExists(t, name)
	require.NoError(t, removeStale(dir))
	assert.DirExists(t, dir)
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"ca.pem":    "ca.pem",
		"a b":       "'a b'",
		"it's":      `'it'\''s'`,
		"$(reboot)": "'$(reboot)'",
	} {
		assert.Equal(t, want, shellWord(word))
	}
}
