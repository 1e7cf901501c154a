//go:build unix

package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTargetBehindLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("dir", 0o700))
	require.NoError(t, os.WriteFile("dir/file", []byte("what was there before"), 0o600))
	require.NoError(t, os.Symlink("dir", "way"))
	require.NoError(t, os.Symlink("file", "dir/inner"))
	require.NoError(t, os.Symlink("way/inner", "link"))

	target, err := findTarget("--har", "link")
	require.NoError(t, err)
	require.NoError(t, target.clear())
	require.NoError(t, target.write(t.Context(), writeText("new")))

	assert.Equal(t, "new", readText(t, "dir/file"))
	to, err := os.Readlink("link")
	require.NoError(t, err)
	assert.Equal(t, "way/inner", to)
	assert.Equal(t, []string{"file", "inner"}, namesIn(t, "dir"))

	for _, name := range []string{"dir/file", "way/file", "way/inner"} {
		_, err = findTargets([]namedFile{{"--har", "link"}, {"--junit", name}}, nil)
		assert.ErrorContains(t, err, "are the same file", name)
		_, err = findTargets([]namedFile{{"--har", "link"}}, []namedFile{{"--load", name}})
		assert.ErrorContains(t, err, "is also the input of --load", name)
	}
	_, err = findTargets([]namedFile{{"--har", "way/new"}, {"--junit", "dir/new"}}, nil)
	assert.ErrorContains(t, err, "are the same file")
}

func TestWrongLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Symlink("nowhere", "dangling"))
	require.NoError(t, os.Symlink("round", "round"))
	_, err := findTarget("--har", "dangling")
	assert.ErrorContains(t, err, "which does not exist: create that file, or remove the link")
	_, err = findTarget("--har", "round")
	assert.ErrorContains(t, err, "too many links")
	assert.Equal(t, []string{"dangling", "round"}, namesIn(t, "."))
}

// New files get what the umask leaves, and those that are there keep their modes.
func TestTargetModes(t *testing.T) {
	t.Chdir(t.TempDir())
	before := syscall.Umask(0o027)
	defer syscall.Umask(before)
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	require.NoError(t, os.Chmod("file", 0o606))
	require.NoError(t, os.WriteFile("linked", nil, 0o604))
	require.NoError(t, os.Chmod("linked", 0o604))
	require.NoError(t, os.Link("linked", "other"))
	for name, want := range map[string]fs.FileMode{"new": 0o640, "file": 0o606, "linked": 0o604} {
		target, err := findTarget("--har", name)
		require.NoError(t, err)
		require.NoError(t, target.clear())
		require.NoError(t, target.write(t.Context(), writeText("new")))
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode(), name)
		assert.Equal(t, "new", readText(t, name))
	}
	assert.Equal(t, "new", readText(t, "other"), "it is the same file still")

	target, err := findTarget("--requests", "stream")
	require.NoError(t, err)
	f, err := target.open(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.Close())
	info, err := os.Stat("stream")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), info.Mode())
}

func TestTargetWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everything")
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("file", nil, 0o400))
	require.NoError(t, os.Mkdir("dir", 0o700))
	require.NoError(t, os.WriteFile("dir/file", []byte("old"), 0o600))
	require.NoError(t, os.Chmod("dir", 0o500))
	defer func() { require.NoError(t, os.Chmod("dir", 0o700)) }()
	for _, name := range []string{"file", "dir/new"} {
		_, err := findTarget("--har", name)
		assert.ErrorIs(t, err, fs.ErrPermission, name)
	}
	target, err := findTarget("--har", "dir/file")
	require.NoError(t, err, "the file may be written, though not replaced")
	require.NoError(t, target.clear())
	require.NoError(t, target.write(t.Context(), writeText("new")))
	assert.Equal(t, "new", readText(t, "dir/file"))
}

// A socket is not a file to write to.
func TestTargetIsNoSocket(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer syscall.Close(fd)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: name}))
	_, err = findTarget("--har", name)
	assert.ErrorContains(t, err, "unsupported file type")
}

func TestPipeWithoutReader(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	target, err := findTarget("--har", pipe)
	require.NoError(t, err)
	require.NoError(t, target.clear())
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan error)
	go func() { written <- target.write(ctx, writeText("new")) }()
	cancel()
	assert.ErrorIs(t, <-written, errNoReader)
	assert.ErrorIs(t, target.write(ctx, writeText("new")), errNoReader)
}

func TestPipeWithReader(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	target, err := findTarget("--har", pipe)
	require.NoError(t, err)
	written := make(chan error)
	go func() { written <- target.write(t.Context(), writeText("new")) }()
	assert.Equal(t, "new", readText(t, pipe))
	assert.NoError(t, <-written)

	// It does not matter that the end has come if there is one.
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer reader.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, target.write(ended, writeText("more")))
	text := make([]byte, 10)
	n, err := reader.Read(text)
	require.NoError(t, err)
	assert.Equal(t, "more", string(text[:n]))
}

// An open file is written where it is, whatever is in it.
func TestTargetIsDescriptor(t *testing.T) {
	t.Chdir(t.TempDir())
	f, err := os.Create("log")
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("before\n")
	require.NoError(t, err)
	name := fmt.Sprintf("/dev/fd/%d", f.Fd())
	require.NoError(t, os.Symlink(name, "link"))
	for _, name := range []string{name, "link"} {
		target, err := findTarget("--har", name)
		require.NoError(t, err)
		require.NoError(t, target.clear())
		require.NoError(t, target.write(t.Context(), writeText("new\n")))
	}
	_, err = f.WriteString("after\n")
	require.NoError(t, err)
	assert.Equal(t, "before\nnew\nnew\nafter\n", readText(t, "log"))

	_, err = findTargets([]namedFile{{"--har", name}, {"--junit", "link"}}, nil)
	assert.NoError(t, err)
	_, err = findTargets([]namedFile{{"--requests", name}, {"--har", "log"}}, nil)
	assert.ErrorContains(t, err, "are the same file", "it would be replaced")

	r, err := os.Open("log")
	require.NoError(t, err)
	defer r.Close()
	_, err = findTarget("--har", fmt.Sprintf("/dev/fd/%d", r.Fd()))
	assert.ErrorContains(t, err, "is not open for writing")
	_, err = findTarget("--har", "/dev/fd/12345")
	assert.ErrorContains(t, err, "is not open for writing")
}

func TestReadFile(t *testing.T) {
	_, err := readFile(t.Context(), "/dev/zero")
	assert.EqualError(t, err, "/dev/zero exceeds 16 MiB")

	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan error)
	go func() {
		_, err := readFile(ctx, pipe)
		read <- err
	}()
	cancel()
	assert.ErrorIs(t, <-read, context.Canceled)
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // ends the reader that is left
	require.NoError(t, err)
	require.NoError(t, writer.Close())
}
