//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteFileFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(target, []byte("what was there before"), 0o600))
	require.NoError(t, os.Symlink(target, link))

	require.NoError(t, removeStale(link))
	require.NoError(t, writeFile(t.Context(), link, []byte("new")))

	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
}

func TestWriteFileIsStopped(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, writeFile(ctx, pipe, []byte("new")), context.Canceled)
	// The writer waits on: a reader lets it go.
	got, err := os.ReadFile(pipe)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
}
